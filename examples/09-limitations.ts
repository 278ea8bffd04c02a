/**
 * Slide 9: what AdaGrad is bad at. Its sum never forgets, so when the target jumps from 5 to -5 after 1,000 steps its rate is
 * small, and optimizers that forget are there long before it. A higher first rate helps, and that is the tuning that it
 * was to make needless.
 *
 *   npx tsx examples/09-limitations.ts [--short] [--seed n]
 */
import { adagrad, adam, FunctionOptimizer, type Optimizer, rmsprop } from 'gradloom';
import * as plot from 'gradloom/plot';
import { makeNormal, makeRandom } from './support/random.ts';
import { draw, reach, seed } from './support/system.ts';

const JUMP = 1000;

/** Follows the target by noisy observations of it; where it is after each step, and how many the jump cost. */
function follow(optimizer: Optimizer): { readonly trace: number[]; readonly recovery: number } {
  const normal = makeNormal(makeRandom(seed));
  const search = new FunctionOptimizer({ w: [0] }, { optimizer });
  const trace: number[] = [];
  for (let step = 0; step < 2 * JUMP; step++) {
    const observed = (step < JUMP ? 5 : -5) + normal();
    // The gradient of (w - observed)^2.
    search.step({ w: [2 * ((search.parameters.w[0] as number) - observed)] });
    trace.push(search.parameters.w[0] as number);
  }
  const found = trace.findIndex((w, step) => step >= JUMP && Math.abs(w + 5) < 1);
  return { trace, recovery: found < 0 ? Number.POSITIVE_INFINITY : found - JUMP + 1 };
}

const CASES: Readonly<Record<string, readonly [optimizer: Optimizer, expected: number]>> = {
  'AdaGrad 0.1': [adagrad({ learningRate: 0.1 }), Number.POSITIVE_INFINITY],
  'AdaGrad 0.5': [adagrad({ learningRate: 0.5 }), 340],
  'AdaGrad 1': [adagrad({ learningRate: 1 }), 120],
  'RMSprop 0.1': [rmsprop({ learningRate: 0.1 }), 66],
  'Adam 0.1': [adam({ learningRate: 0.1 }), 32],
};
const traces: Record<string, number[]> = {};
for (const [name, [optimizer, expected]] of Object.entries(CASES)) {
  const { trace, recovery } = follow(optimizer);
  traces[name] = trace;
  const isNear = recovery === expected || (recovery > expected / 1.6 && recovery < expected * 1.6);
  const text = (steps: number) => (Number.isFinite(steps) ? `${steps}` : 'never in 1,000');
  reach(
    `steps to come within 1 of the new target, ${name}`,
    text(recovery),
    `about ${text(expected)}`,
    isNear,
  );
}
await draw(
  '09-limitations',
  plot.curves(traces, { yTitle: 'estimate', title: 'The target jumps from 5 to -5 at step 1,000' }),
);
