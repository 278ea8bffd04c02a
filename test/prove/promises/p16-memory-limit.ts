import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  adagrad,
  adamW,
  batchNorm,
  conv2d,
  dense,
  flatten,
  fromArrays,
  GradloomError,
  info,
  maxPool2d,
  sequential,
  sgd,
  shampoo,
  Trainer,
} from '../../../lib/index.ts';
import { collectGarbage, type PromiseProof, randomIntegers } from '../promise.ts';

/** As in a file. */
const bytesOf = (tensors: Readonly<Record<string, { readonly data: Float32Array }>>) =>
  Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);

/** The bytes that a refusal names. */
async function refusedBytes(use: () => unknown): Promise<number> {
  try {
    await use();
  } catch (error) {
    const found = /training would take (\d+) bytes/.exec(String(error));
    if (error instanceof GradloomError && error.code === 'MEMORY_LIMIT' && found) return Number(found[1]);
    throw error;
  }
  return Number.NaN;
}

function makeData(count: number, side: number) {
  const values = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i));
  const labels = Int32Array.from({ length: count }, (_, i) => i % 5);
  return fromArrays({ inputs: values(count * side * side * 3), inputShape: [side, side, 3], labels });
}

export const memoryLimit: PromiseProof = {
  number: 16,
  title: 'what would take more than memoryLimit is refused before it is allocated, with the bytes',
  async prove({ length, seed, tally }) {
    const random = randomIntegers(seed);
    const trials = length === 'long' ? 1_000 : 40;
    let most = 0;
    const folder = await mkdtemp(join(tmpdir(), 'gradloom-prove-'));
    const checkpoint = { folder };
    await collectGarbage();
    // Nothing is collected meanwhile, so that the bytes allocated change by what is done alone.
    const held: unknown[] = [];
    for (let trial = 0; trial < trials; trial++) {
      const side = 4 + random(6);
      const train = makeData(1 + random(60), side);
      const validation = random(2) === 0 ? undefined : makeData(1 + random(40), side);
      const hidden = random(2) === 0 ? [] : [conv2d({ filters: 1 + random(24), kernelSize: 3 }), batchNorm()];
      const start = info().allocatedBytes;
      const model = sequential({ inputShape: [side, side, 3] }, [
        ...hidden,
        maxPool2d({ poolSize: 2 }),
        flatten(),
        dense({ units: 1 + random(70), activation: 'tanh' }),
        dense({ units: 5 }),
      ]);
      const weights = info().allocatedBytes - start;
      const optimizer = [adagrad(), sgd({ learningRate: 0.01 }), adamW(), shampoo()][random(4)] as never;
      const options = {
        optimizer,
        loss: 'softmaxCrossEntropy',
        metrics: ['accuracy'],
        threads: 1 + random(2),
        nonFinite: random(2) === 0 ? 'stop' : 'skip',
      } as const;
      const keeps = validation !== undefined && random(2) === 0;
      const fitOptions = {
        epochs: 2,
        batchSize: 1 + random(40),
        batchesPerStep: 1 + random(2),
        progress: 'none' as const,
        validation,
        ...(keeps && { earlyStopping: { patience: 9, restoreBest: true } }),
      };
      const what = `trial ${trial}, side ${side}, ${JSON.stringify({ ...options, ...fitOptions, validation: validation?.length, train: train.length })}`;
      const expect = (name: string, given: number, expected: number) => {
        if (given !== expected) tally.fail(`${what}: ${name} ${given} bytes, expected ${expected}`);
      };
      const refuses = async (name: string, use: () => unknown, expected: number) => {
        const before = info().allocatedBytes;
        expect(name, await refusedBytes(use), expected);
        expect(`left by ${name}`, info().allocatedBytes, before);
      };
      const trainer = (limit?: number) => {
        const made = new Trainer(model, { ...options, memoryLimit: limit });
        held.push(made);
        return made;
      };

      trainer();
      const state = info().allocatedBytes - start - weights;
      await refuses('the trainer', () => trainer(weights + state - 1), weights + state);
      const narrow = trainer(weights + state);
      const needed = await refusedBytes(() => narrow.fit(train, fitOptions));
      const tight = trainer(needed - 1);
      await refuses('the run', () => tight.fit(train, fitOptions), needed);
      const { tensors } = narrow.getOptimizerState();
      held.push(tensors);
      await refuses(
        'a run with checkpoints',
        () => narrow.fit(train, { ...fitOptions, checkpoint }),
        needed + bytesOf(model.getWeights()) * (keeps ? 2 : 1) + bytesOf(tensors),
      );

      const before = info().allocatedBytes;
      let counted = 0;
      const wide = trainer(needed);
      const own = info().allocatedBytes - before;
      expect('the state', own, state);
      await wide.fit(train, {
        ...fitOptions,
        onEpochEnd: () => {
          counted = info().allocatedBytes - before - own;
        },
      });
      expect('counted in the run', counted, needed - weights - state);
      most = Math.max(most, needed);
      held.push(model);
      tally.tried();
    }
    await rm(folder, { recursive: true });
    return { facts: { mostBytes: most, held: held.length } };
  },
};
