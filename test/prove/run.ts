/**
 * `npm run --silent prove -- <number>` tries to break one promise about reliability in its long form and prints its counts
 * last; exit code 1 when it is broken. Without a number all are tried, and a table is printed. `--short`: the form that CI
 * runs. `--seed <n>`: another seed than 1.
 */
import { parseArgs } from 'node:util';
import { integer, readValue } from '../../lib/core/options.ts';
import type { PromiseProof, Verdict } from './promise.ts';
import { PROOFS } from './promises/index.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' }, short: { type: 'boolean', default: false } },
});
const seed = readValue('prove', 'seed', Number(values.seed), integer(0));
const unknown = positionals.find((text) => PROOFS.every(({ number }) => number !== Number(text)));
if (unknown !== undefined) {
  const known = PROOFS.map(({ number, title }) => `  ${number}  ${title}`).join('\n');
  console.error(`there is no proof of promise ${unknown}; there are\n${known}`);
  process.exit(2);
}
const chosen = PROOFS.filter(({ number }) => positionals.includes(String(number)));

async function prove(proof: PromiseProof): Promise<Verdict> {
  console.log(`${proof.number}: ${proof.title}`);
  const start = performance.now();
  const form = { length: values.short ? 'short' : 'long', seed } as const;
  const verdict = await proof.prove({ ...form, say: (text) => console.log(`   ${text}`) });
  for (const failure of verdict.failures.slice(0, 20)) console.log(`   FAILED ${failure}`);
  for (const [name, fact] of Object.entries(verdict.facts)) {
    console.log(`   ${name} ${typeof fact === 'number' && !Number.isInteger(fact) ? fact.toFixed(2) : fact}`);
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`${describe(proof, verdict)}, seed ${seed}, ${seconds} s\n`);
  return verdict;
}

function describe({ number }: PromiseProof, { trials, failures, skipped }: Verdict): string {
  if (skipped !== undefined) return `${number}: skipped, ${skipped}`;
  return `${number}: ${trials} trials, ${failures.length} failures`;
}

const proofs = chosen.length === 0 ? PROOFS : chosen;
const verdicts: Verdict[] = [];
for (const proof of proofs) verdicts.push(await prove(proof));
if (proofs.length > 1) {
  for (const [index, proof] of proofs.entries()) {
    const verdict = verdicts[index] as Verdict;
    const outcome =
      verdict.skipped !== undefined ? 'skipped' : verdict.failures.length === 0 ? 'holds' : 'BROKEN';
    const counts = `${String(verdict.trials).padStart(7)} trials ${String(verdict.failures.length).padStart(4)} failures`;
    console.log(`${String(proof.number).padStart(2)}  ${outcome.padEnd(7)} ${counts}  ${proof.title}`);
  }
}
process.exitCode = verdicts.every(({ failures }) => failures.length === 0) ? 0 : 1;
