#!/usr/bin/env node
// forge with our compiler, from any folder: `contracts/forge.js test`. The npm package's own launcher
// exits with 0 whatever forge says (version 1.7.1), so a failing test would look like a passing one.
"use strict";

const { spawnSync } = require("node:child_process");
const { dirname, join } = require("node:path");

const arch = { x64: "amd64", arm64: "arm64" }[process.arch];
const name = `@foundry-rs/forge-${process.platform}-${arch}`;
const binary = process.platform === "win32" ? "forge.exe" : "forge";
const forge = join(dirname(require.resolve(`${name}/package.json`)), "bin", binary);

const [command, ...rest] = process.argv.slice(2);
const compiling = ["build", "test"].includes(command) ? ["--use", "./solc.js", "--offline"] : [];
const done = spawnSync(forge, [command, ...compiling, ...rest], { cwd: __dirname, stdio: "inherit" });
if (done.error) throw done.error;
process.exitCode = done.status ?? 1;
