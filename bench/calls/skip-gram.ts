/** Steps of skip-gram with negative sampling on pairs as the peers have them. */
import { native } from '../../lib/native/index.ts';
import { adagrad } from '../../lib/optimizers/index.ts';
import { toNativeOptimizer } from '../../lib/optimizers/optimizer.ts';
import { type StepTiming, timeSteps } from '../timing/steps.ts';

export const SKIP_GRAM = 'skipgram';

const VOCABULARY = 100_000;
const UNITS = 100;
const PAIRS = 1024;
const NEGATIVES = 5;
const BATCHES = 64;

export interface SkipGramTiming extends StepTiming {
  readonly pairs: number;
  /** Of a pair, before the first step and over the last pass through the batches. */
  readonly lossFirst: number;
  readonly lossLast: number;
  /** Of products, forward and backward. */
  readonly flops: number;
}

/** Words follow a power law: floor(V u^3). Drawing them is not timed, as it is not with the peers. */
export function timeSkipGram(settings: {
  readonly threads: number;
  readonly windowSeconds: number;
}): SkipGramTiming {
  let state = 1;
  const word = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(VOCABULARY * (state / 2 ** 32) ** 3);
  };
  const inputs = Uint32Array.from({ length: BATCHES * PAIRS }, word);
  const targets = Uint32Array.from({ length: inputs.length * (NEGATIVES + 1) }, word);
  const trainer = new native.WordTrainer({
    corpus: {
      tokens: new Int32Array(0),
      keep: new Float32Array(VOCABULARY).fill(1),
      noise: new Float64Array(VOCABULARY).fill(1),
      model: 'skipGram',
      window: 1,
    },
    inputRows: VOCABULARY,
    units: UNITS,
    negatives: NEGATIVES,
    batchSize: PAIRS,
    optimizer: toNativeOptimizer(adagrad({ learningRate: 0.01 })),
    seed: 1,
    threads: settings.threads,
  });
  const first = { inputs: inputs.slice(0, PAIRS), targets: targets.slice(0, PAIRS * (NEGATIVES + 1)) };
  const lossFirst = trainer.trainPairs(first.inputs, first.targets) / PAIRS;
  let lossLast = lossFirst;
  // In one call, as an epoch is: between calls threads sleep.
  const pass = () => {
    lossLast = trainer.trainPairs(inputs, targets) / inputs.length;
  };
  const timing = timeSteps(pass, settings.windowSeconds);
  return {
    msPerStep: timing.msPerStep / BATCHES,
    spread: timing.spread,
    steps: timing.steps * BATCHES,
    pairs: PAIRS,
    lossFirst,
    lossLast,
    flops: 3 * 2 * PAIRS * (NEGATIVES + 1) * UNITS,
  };
}
