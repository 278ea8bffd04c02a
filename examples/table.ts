/**
 * A net on a table: visits to a shop, as rows with numbers, texts and gaps; who buys? The columns' types, categories and
 * fills are saved with the model, so that a later process hands it rows as they come.
 *
 *   npx tsx examples/table.ts [--short]
 */

import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { adagrad, dense, fromRows, loadModel, sequential, standardize, Trainer } from 'gradloom';

const { values: options } = parseArgs({ options: { short: { type: 'boolean', default: false } } });

interface Visit {
  readonly minutes: number;
  readonly device: 'phone' | 'tablet' | 'desktop';
  readonly returning: boolean;
  /** Some visitors do not say. */
  readonly age: number | null;
}

/** Rows that stand for those of a database; who stays, returns and sits at a desk buys more often. */
function makeVisits(count: number): (Visit & { readonly bought: 'yes' | 'no' })[] {
  let state = 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  return Array.from({ length: count }, () => {
    const minutes = Math.round(random() * 300) / 10;
    const device = (['phone', 'tablet', 'desktop'] as const)[Math.floor(random() * 3)] ?? 'phone';
    const returning = random() < 0.4;
    const age = random() < 0.1 ? null : 18 + Math.floor(random() * 60);
    const score = minutes / 6 + (returning ? 2 : 0) + (device === 'desktop' ? 1 : 0) - 4 + random() - 0.5;
    return { minutes, device, returning, age, bought: score > 0 ? 'yes' : 'no' };
  });
}

const visits = await fromRows(makeVisits(options.short ? 1000 : 5000), {
  target: 'bought',
  missing: { age: 'mean' },
});
console.log(`${visits.describe()}\n`);

const [train, test] = standardize(...visits.split({ fraction: 0.8, seed: 1, stratify: 'labels' }));
const model = sequential({ inputShape: train.inputShape, seed: 1 }, [
  dense({ units: 16, activation: 'relu' }),
  dense({ units: train.classCount }),
]);
const trainer = new Trainer(model, {
  optimizer: adagrad({ learningRate: 0.05 }),
  loss: 'softmaxCrossEntropy',
  metrics: ['accuracy'],
});
await trainer.fit(train, { epochs: 20 });
const { accuracy } = await trainer.evaluate(test);
console.log(`test accuracy: ${accuracy.toFixed(4)}`);

const path = join(tmpdir(), `gradloom-table-${process.pid}.safetensors`);
await model.save(path);
const loaded = await loadModel(path);
await rm(path);
const { names } = await loaded.classify([
  { minutes: 25, device: 'desktop', returning: true, age: 40 },
  { minutes: 1.5, device: 'phone', returning: false, age: null },
]);
console.log(`a long visit: ${names?.[0]}, a short one: ${names?.[1]}`);
if (accuracy < 0.9 || names?.[0] !== 'yes' || names[1] !== 'no') throw new Error('the model has not learned');
