#!/usr/bin/env node
// The npm solc behind the native compiler's command line, as far as forge and py-solc-x speak it:
// --version, and --standard-json on stdin with imports read from disk under --base-path and
// --allow-paths. Other flags are ignored.
"use strict";

const { readFileSync, realpathSync, writeSync } = require("node:fs");
const { resolve, sep } = require("node:path");
const solc = require("solc");

const flags = process.argv.slice(2);

function valueOf(flag) {
  const at = flags.indexOf(flag);
  return at < 0 ? "" : flags[at + 1];
}

function readImport(name) {
  const base = resolve(valueOf("--base-path") || ".");
  const allowed = [base, ...valueOf("--allow-paths").split(",").filter(Boolean)];
  try {
    const path = realpathSync(resolve(base, name));
    if (!allowed.some((folder) => path.startsWith(realpathSync(resolve(folder)) + sep))) {
      return { error: `${name} is outside --allow-paths` };
    }
    return { contents: readFileSync(path, "utf8") };
  } catch (error) {
    return { error: `${name}: ${error.code}` };
  }
}

// stdout is a pipe that may take fewer bytes than offered: write until all are out.
function print(text) {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

if (flags.includes("--version")) {
  print(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
} else if (flags.includes("--standard-json")) {
  print(solc.compile(readFileSync(0, "utf8"), { import: readImport }));
} else {
  process.stderr.write("usage: solc.js --version | --standard-json < input.json\n");
  process.exitCode = 2;
}
