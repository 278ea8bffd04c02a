/** `npm run golden`: every fixture beside what Gradloom computes; exit code 1 when one is out of tolerance. */
import { readCases } from './fixtures.ts';
import { type Outcome, runCase } from './suite.ts';

const cases = readCases();
if (cases === undefined) {
  console.log(
    'The golden fixtures (../shared/golden beside the repository) are not here: nothing was compared.',
  );
} else {
  const outcomes: Outcome[] = [];
  for (const golden of cases) outcomes.push(await runCase(golden));
  report(outcomes);
}

function report(outcomes: readonly Outcome[]): void {
  const having = (verdict: Outcome['verdict']) => outcomes.filter((outcome) => outcome.verdict === verdict);
  const passed = having('within tolerance');
  const failed = having('failed');

  for (const [op, group] of byOp(passed)) {
    const worst = Math.max(...group.map(({ share }) => share));
    console.log(
      `${op.padEnd(24)} ${String(group.length).padStart(3)}   worst ${percent(worst)} of its tolerance`,
    );
  }
  for (const { name, complaints } of failed) {
    for (const complaint of complaints) console.log(`FAILED ${name}: ${complaint}`);
  }
  console.log(`${passed.length} of ${outcomes.length} cases within tolerance`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

function byOp(outcomes: readonly Outcome[]): Map<string, Outcome[]> {
  const groups = new Map<string, Outcome[]>();
  for (const outcome of outcomes) groups.set(outcome.op, [...(groups.get(outcome.op) ?? []), outcome]);
  return groups;
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`.padStart(4);
}
