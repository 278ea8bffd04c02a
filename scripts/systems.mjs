// `npm run --silent systems`: runs the examples of the fourteen slides in full and prints what each reaches beside what it should.
// `--json` gives them as one line of JSON.
// `npm run systems -- 4 11` runs some of them, `-- --seed 3` with other random numbers, `-- --short` in the form of the tests.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const SLIDES = 14;
/** Where some checkouts have files of CIFAR-10; others name a folder by CIFAR10_DIR. */
const CIFAR10 = join('..', 'shared', 'data', 'cifar-10-subset');
if (process.env.CIFAR10_DIR === undefined && existsSync(CIFAR10)) process.env.CIFAR10_DIR = CIFAR10;

const USAGE = `usage: npm run --silent systems -- [slide ...] [--seed n] [--short] [--json]`;
const { slides: chosen, isJson, options } = readArguments();

const systems = readdirSync('examples')
  .map((file) => ({ file, slide: Number(/^(\d\d)-.*\.ts$/.exec(file)?.[1]) }))
  .filter(({ slide }) => slide >= 1 && (chosen.length === 0 || chosen.includes(slide)));

const rows = [];
let reached = 0;
let skipped = 0;
for (const { file, slide } of systems) {
  process.stderr.write(`-- examples/${file}\n`);
  const { status, output } = await run(join('examples', file));
  const outcomes = [...output.matchAll(/^outcome: (.*) \| (.*) \| (.*) \| (reached|MISSED)$/gm)];
  const isSkipped = outcomes.length === 0 && status === 0;
  const isReached =
    !isSkipped && status === 0 && outcomes.every(([, , , , verdict]) => verdict === 'reached');
  if (isReached) reached += 1;
  if (isSkipped) skipped += 1;
  for (const [, what, figure, expected, verdict] of outcomes)
    rows.push([slide, what, figure, expected, verdict]);
  if (outcomes.length === 0)
    rows.push([
      slide,
      file,
      isSkipped ? (/^skipped: (.{0,40})/m.exec(output)?.[1] ?? '') : `exit code ${status}`,
      '',
      isSkipped ? 'skipped' : 'MISSED',
    ]);
}

const heads = ['slide', 'what', 'reached', 'expected', ''];
const widths = heads.map((head, column) =>
  Math.max(head.length, ...rows.map((row) => String(row[column]).length)),
);
const count = chosen.length === 0 ? SLIDES : systems.length;
const missing = count - systems.length;
if (isJson) {
  const outcomes = rows.map(([slide, what, figure, expected, verdict]) => ({
    slide,
    what,
    reached: figure,
    expected,
    verdict: verdict.toLowerCase(),
  }));
  console.log(JSON.stringify({ systems: count, reached, skipped, outcomes }));
} else {
  for (const row of [heads, ...rows]) {
    console.log(
      row
        .map((cell, column) => String(cell).padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    );
  }
  console.log(
    `\n${reached} of ${count} systems reach their outcome${skipped > 0 ? `, ${skipped} skipped` : ''}${missing > 0 ? `, ${missing} not written yet` : ''}`,
  );
}
process.exitCode = reached + skipped === systems.length ? 0 : 1;

function run(file) {
  const child = spawn(process.execPath, ['--import=tsx', file, ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text) => {
    output += text;
    process.stderr.write(text);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status: status ?? 1, output }));
  });
}

function readArguments() {
  if (process.argv.includes('--help')) {
    console.log(USAGE);
    process.exit(0);
  }
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { seed: { type: 'string' }, short: { type: 'boolean' }, json: { type: 'boolean' } },
    });
    const slides = positionals.map(Number);
    const stray = slides.findIndex((slide) => !(Number.isInteger(slide) && slide >= 1 && slide <= SLIDES));
    if (stray >= 0) throw new Error(`there is no slide ${positionals[stray]}; there are 1 to ${SLIDES}`);
    const seed = values.seed === undefined ? [] : ['--seed', values.seed];
    return { slides, isJson: values.json === true, options: [...seed, ...(values.short ? ['--short'] : [])] };
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}
