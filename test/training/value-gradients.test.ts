/** The gradients of the values of sparse entries, against differences of outputs, which are linear in the values. */
import test from 'ava';
import { embeddingBag, sparseDense } from '../../lib/layers/index.ts';
import type { Layer } from '../../lib/layers/layer.ts';
import { native } from '../../lib/native/index.ts';

const OFFSETS = Uint32Array.of(0, 3, 3, 4, 9);
const INDICES = Uint32Array.of(1, 4, 1, 0, 2, 2, 4, 3, 0);
const VALUES = Float32Array.of(0.5, -1, 2, 1, 0.25, -0.75, 1.5, 3, -2);
const SAMPLES = OFFSETS.length - 1;

const LAYERS: readonly (readonly [name: string, layer: Layer])[] = [
  ['sum', embeddingBag({ units: 7, pooling: 'sum' })],
  ['mean', embeddingBag({ units: 7, pooling: 'mean' })],
  ['sum without padding', embeddingBag({ units: 7, pooling: 'sum', paddingId: 2 })],
  ['frozen', embeddingBag({ units: 7, pooling: 'sum', trainable: false })],
  ['sparseDense', sparseDense({ units: 3 })],
];

for (const [name, layer] of LAYERS) {
  test(`each value's gradient is what the outputs move by: ${name}`, (t) => {
    const model = new native.Model({ inputShape: [5], seed: 3, layers: [{ ...layer, name: 'layer' }] });
    const run = (values: Float32Array, threads = 1) => {
      const inputs = { offsets: OFFSETS, indices: INDICES, values };
      const units = layer.units as number;
      const outputGradient = Float32Array.from({ length: SAMPLES * units }, (_, at) => Math.sin(at + 1));
      const samples = { inputs, count: SAMPLES, scale: Float32Array.of(1), shift: Float32Array.of(0) };
      const { output, inputGradient } = model.differentiate(samples, outputGradient, {
        threads,
        seed: 0,
        step: 1,
      });
      const value = output.reduce((sum, y, at) => sum + y * (outputGradient[at] as number), 0);
      return { value, inputGradient };
    };
    const { inputGradient } = run(VALUES);
    t.is(inputGradient.length, VALUES.length);
    for (const [entry, value] of VALUES.entries()) {
      const moved = (by: number) => run(VALUES.with(entry, value + by)).value;
      const expected = (moved(1) - moved(-1)) / 2;
      t.true(Math.abs((inputGradient[entry] as number) - expected) < 1e-5, `entry ${entry}`);
    }
    t.deepEqual(run(VALUES, 2).inputGradient, inputGradient);
  });
}
