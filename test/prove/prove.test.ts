/** Promises about reliability in their short forms: no bars on times. `npm run prove` has the long ones. */
import test from 'ava';
import { PROOFS } from './promises/index.ts';

for (const { number, title, prove } of PROOFS) {
  test.serial(`promise ${number}: ${title}`, async (t) => {
    const { failures, trials, skipped } = await prove({
      length: 'short',
      seed: 1,
      say: (text) => t.log(text),
    });
    t.deepEqual(failures, []);
    if (skipped !== undefined) t.log(`skipped: ${skipped}`);
    t.true(trials > 0 || skipped !== undefined);
  });
}
