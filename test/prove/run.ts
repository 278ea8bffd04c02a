/**
 * `npm run --silent prove -- <number>` tries to break one promise about reliability in its long form and prints its counts
 * last, also when it is stopped; how far it is goes to stderr. Exit code 1 when the promise is broken. Without a number all are
 * tried, and a table is printed.
 */
import { constants } from 'node:os';
import { readArguments, readCount } from '../../bench/command-line/arguments.ts';
import { type PromiseProof, Tally } from './promise.ts';
import { PROOFS } from './promises/index.ts';

const toLine = ({ number, title }: PromiseProof) => `  ${String(number).padStart(2)}  ${title}`;
const USAGE = `usage: npm run --silent prove -- [number ...] [--seed n] [--short] [--list]
       npm run --silent prove:asan -- [...]   the same under AddressSanitizer

Tries to break promises about reliability; without numbers all of these:
${PROOFS.map(toLine).join('\n')}

  --seed n   other random numbers than those of seed 1
  --short    the form of \`npm test\`: seconds, and no bars on times
  --list     says which would be tried, and tries none

Counts, hashes and times go to stdout, progress to stderr. Exit code 0: all hold, 1: one is broken, 2: wrong arguments.`;

const ARGUMENTS = {
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '1' },
    short: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
} as const;
const { seed, length, isList, chosen } = readArguments(USAGE, ARGUMENTS, ({ values, positionals }) => {
  const stray = positionals.find((text) => PROOFS.every(({ number }) => String(number) !== text));
  if (stray !== undefined) throw new Error(`there is no proof of promise ${stray}`);
  return {
    seed: readCount('--seed', values.seed),
    isList: values.list,
    length: values.short ? ('short' as const) : ('long' as const),
    chosen: PROOFS.filter(({ number }) => positionals.includes(String(number))),
  };
});

/** A proof that has begun. */
interface Attempt {
  readonly proof: PromiseProof;
  readonly tally: Tally;
  readonly start: number;
  skipped?: string | undefined;
}

const proofs = chosen.length === 0 ? PROOFS : chosen;
const attempts: Attempt[] = [];

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    const [current] = attempts.slice(-1);
    if (current !== undefined) conclude(current, 'stopped, ');
    process.exit(128 + constants.signals[signal]);
  });
}

async function prove(proof: PromiseProof): Promise<void> {
  console.log(`${proof.number}: ${proof.title}`);
  const tally = new Tally((text) => console.error(`   ${text}`));
  const attempt: Attempt = { proof, tally, start: performance.now() };
  attempts.push(attempt);
  const { facts = {}, skipped } = await proof.prove({ length, seed, tally });
  attempt.skipped = skipped;
  for (const [name, fact] of Object.entries(facts)) {
    console.log(`   ${name} ${typeof fact === 'number' && !Number.isInteger(fact) ? fact.toFixed(2) : fact}`);
  }
  conclude(attempt, skipped === undefined ? '' : `skipped, ${skipped}, `);
}

function conclude({ proof, tally, start }: Attempt, how: string): void {
  for (const failure of tally.failures.slice(0, 20)) console.log(`   FAILED ${failure}`);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`${proof.number}: ${how}${tally}, seed ${seed}, ${seconds} s\n`);
}

if (isList) {
  console.log(proofs.map(toLine).join('\n'));
  process.exit(0);
}
for (const proof of proofs) await prove(proof);
if (proofs.length > 1) {
  for (const { proof, tally, skipped } of attempts) {
    const { trials, failures } = tally;
    const outcome = skipped !== undefined ? 'skipped' : failures.length === 0 ? 'holds' : 'BROKEN';
    const counts = `${String(trials).padStart(7)} trials ${String(failures.length).padStart(4)} failures`;
    console.log(`${String(proof.number).padStart(2)}  ${outcome.padEnd(7)} ${counts}  ${proof.title}`);
  }
}
process.exitCode = attempts.every(({ tally }) => tally.failures.length === 0) ? 0 : 1;
