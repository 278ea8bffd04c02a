/** The page's look, in light and in dark: the colours of the pictures in it. */
export const STYLE = `
:root { color-scheme: light dark; --background: #ffffff; --text: #1f2429; --muted: #59636e; --line: #e4e7eb; --card: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --background: #0d1117; --text: #e6edf3; --muted: #9198a1; --line: #262c34; --card: #151b23; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--background); color: var(--text);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; }
main { max-width: 1020px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 40px 0 12px; padding-bottom: 6px; border-bottom: 1px solid var(--line); }
p.lead { color: var(--muted); margin: 0 0 20px; }
.cards { display: flex; flex-wrap: wrap; gap: 12px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 16px; min-width: 132px; }
.card b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; }
.card span { color: var(--muted); font-size: 13px; }
.pictures { display: flex; flex-wrap: wrap; gap: 16px; }
svg.gradloom-plot { max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; }
th, td { text-align: left; padding: 4px 16px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; font-variant-numeric: tabular-nums; }
thead th, .facts th { color: var(--muted); font-weight: 500; }
thead th { vertical-align: bottom; }
.facts th, td { white-space: nowrap; }
.facts td { white-space: normal; overflow-wrap: anywhere; }
.number { text-align: right; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 16px; overflow-x: auto;
  font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
footer { color: var(--muted); font-size: 13px; margin-top: 48px; }
`;
