/** Every loss beside every metric that fits it. Both are found by themselves: a new one is in here, or fails. */
import { readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { adagrad, type Dataset, dense, fromArrays, sequential, Trainer } from '../../lib/index.ts';
import * as losses from '../../lib/losses/index.ts';
import type { Loss } from '../../lib/losses/loss.ts';
import { makeLoss } from '../../lib/losses/make-loss.ts';
import * as metrics from '../../lib/metrics/index.ts';
import type { Metric } from '../../lib/metrics/metric.ts';
import { wrongly } from './errors.ts';

const COUNT = 23;
const inputs = Array.from({ length: COUNT }, (_, i) => [Math.sin(i), Math.cos(2 * i), (i % 5) / 5]);
const pick = <Value>(...values: Value[]) => inputs.map((_, i) => values[i % values.length] as Value);
/** Labels by what outputs mean, and how many outputs a model for them has. */
const LABELS: Readonly<Record<Loss['outputs'], readonly [outputs: number, labels: number[] | number[][]]>> = {
  classLogits: [4, pick(0, 2, 1, 3, 1)],
  binaryLogits: [1, pick(0, 1, 1)],
  margins: [1, pick([-1], [1], [1])],
  logRates: [2, pick([0, 3], [1, 0], [7, 2])],
  values: [2, pick([0.5, -3], [1.5, 0], [-7, 2])],
};

const lossMakers: Readonly<Record<string, () => Loss>> = losses;
const metricMakers: Readonly<Record<string, () => Metric>> = metrics;

function setFor(loss: Loss): { readonly data: Dataset; readonly outputs: number } {
  const [outputs, labels] = LABELS[loss.outputs];
  return { data: fromArrays(wrongly({ inputs, inputShape: [3], labels })), outputs };
}

const fitting = (loss: Loss, outputs: number) =>
  Object.values(metricMakers)
    .map((make) => make())
    .filter((metric) => metric.checkLoss(loss, [outputs]) === undefined);

function kindsInRegistry(folder: string): string[] {
  const source = readFileSync(new URL(`../../native/${folder}/registry.cc`, import.meta.url), 'utf8');
  return [...source.matchAll(/\{"(\w+)", make</g)].map(([, kind]) => kind as string);
}

test('what the native side registers is what TypeScript exports', (t) => {
  t.deepEqual(kindsInRegistry('losses'), Object.keys(losses).sort());
  const native = kindsInRegistry('metrics').filter((kind) => kind !== 'custom');
  t.deepEqual(native.sort(), Object.keys(metrics).sort());
});

test('every metric fits a loss, under its own name', (t) => {
  const fits = new Set<string>();
  for (const make of Object.values(lossMakers)) {
    const loss = make();
    for (const { kind } of fitting(loss, setFor(loss).outputs)) fits.add(kind);
  }
  t.deepEqual([...fits].sort(), Object.keys(metrics).sort());
});

for (const [kind, make] of Object.entries(lossMakers)) {
  test(`${kind}: with its metrics it trains, evaluates the same in any batches, and comes back from a file`, async (t) => {
    const loss = make();
    t.is(loss.kind, kind);
    t.deepEqual(makeLoss('test', loss.toSpec()).toSpec(), loss.toSpec());
    const { data, outputs } = setFor(loss);
    const model = sequential({ inputShape: [3], seed: 2 }, [
      dense({ units: 5, activation: 'tanh' }),
      dense({ units: outputs }),
    ]);
    const watched = fitting(loss, outputs).filter((metric) => metric.kind !== 'topKAccuracy' || outputs >= 5);
    const trainer = new Trainer(wrongly(model), { optimizer: adagrad(), loss, metrics: watched });
    const { epochs } = await trainer.fit(wrongly(data), {
      epochs: 12,
      batchSize: 7,
      validation: wrongly(data),
    });
    t.true((epochs.at(-1)?.loss ?? Number.NaN) < (epochs[0]?.loss ?? 0), 'the loss falls');
    const whole = await trainer.evaluate(wrongly(data), { threads: 1 });
    const parts = await trainer.evaluate(wrongly(data), { batchSize: 5, threads: 2 });
    t.deepEqual(Object.keys(whole), ['loss', ...watched.map((metric) => metric.kind)]);
    const numbers = (result: object) => Object.values(result).flat(2) as number[];
    for (const [i, figure] of numbers(whole).entries()) {
      t.true(
        Math.abs((numbers(parts)[i] ?? Number.NaN) - figure) < 1e-5,
        `${Object.keys(whole)} ${i}: ${figure}`,
      );
    }
    const validated = await trainer.evaluate(wrongly(data), { batchSize: 7 });
    t.deepEqual(epochs.at(-1)?.validation, validated);
    const path = join(await mkdtemp(join(tmpdir(), 'gradloom-pairs-')), 'trainer.safetensors');
    await trainer.save(path);
    t.deepEqual(await (await Trainer.load(path)).evaluate(wrongly(data), { threads: 1 }), whole);
  });
}
