"""How the page looks: black on white, one column, figures not torn apart in print."""

STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1a1a1a;
  font: 17px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.3rem; margin: 2.75rem 0 .75rem; padding-top: .75rem; border-top: 1px solid #ccc; }
p, li { max-width: 46rem; }
li { margin: .4rem 0; }
.lead { font-size: 1.15rem; }
.note, figcaption, caption { color: #4a4a4a; font-size: .92rem; }
figure { margin: 0 0 1.75rem; break-inside: avoid; }
figure img { display: block; max-width: 100%; height: auto; }
caption { text-align: left; padding: .25rem 0 .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .84rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0;
  border-bottom: 1px solid #e2e2e2; }
tbody td:not(.text) { white-space: nowrap; }
thead th { border-bottom: 2px solid #767676; }
summary { cursor: pointer; padding: .25rem 0; }
pre { background: #f4f4f4; padding: .75rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere;
  font-size: .85rem; }
a { color: #0057a3; }
@media print {
  body { font-size: 11pt; }
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; }
  tr { break-inside: avoid; }
  tbody td { white-space: normal !important; }
}
"""
