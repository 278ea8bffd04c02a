/** Fifty steps on six rows of a table each, through an embedding: what is named more than once is summed first. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeSafetensors } from '../../lib/formats/safetensors.ts';
import {
  adagrad,
  customLoss,
  embedding,
  fromArrays,
  fromSparse,
  proximalAdagrad,
  rowwiseAdagrad,
  sequential,
  sparseDense,
  Trainer,
} from '../../lib/index.ts';
import { native } from '../../lib/native/index.ts';
import { type Optimizer, toNativeOptimizer } from '../../lib/optimizers/optimizer.ts';
import { floatsOf, type GoldenCase, integersOf } from './fixtures.ts';
import { type Comparison, TOLERANCES, type Tolerance } from './tolerances.ts';

const STEPS = 50;
const RECORDED_STEPS = [1, 2, 10, 50];

/** The gradient by the outputs is what the labels say. */
const given = customLoss({ name: 'given', loss: (_, targets) => ({ value: 0, gradient: targets }) });

export async function compareSparseAdagrad(golden: GoldenCase): Promise<Comparison[]> {
  const { lr = 0.01, lr_decay = 0, initial_accumulator_value = 0, eps = 1e-10 } = golden.attrs as Attributes;
  const optimizer = adagrad({
    learningRate: lr,
    learningRateDecay: lr_decay,
    initialAccumulator: initial_accumulator_value,
    epsilon: eps,
  });
  return await compareSteps(golden, optimizer, 'state.sum.50', TOLERANCES.optimizerParameters);
}

interface Attributes {
  readonly lr?: number;
  readonly lr_decay?: number;
  readonly initial_accumulator_value?: number;
  readonly eps?: number;
  readonly weight_decay?: number;
  readonly weight_decay_mode?: 'none' | 'l2' | 'decoupled';
}

export async function compareRowwiseAdagrad(golden: GoldenCase): Promise<Comparison[]> {
  const { lr = 0.01, eps = 1e-8, weight_decay = 0, weight_decay_mode } = golden.attrs as Attributes;
  const optimizer = rowwiseAdagrad({
    learningRate: lr,
    epsilon: eps,
    weightDecay: weight_decay,
    weightDecayMode: weight_decay_mode === 'decoupled' ? 'decoupled' : 'coupled',
  });
  return weight_decay === 0
    ? await compareSteps(golden, optimizer, 'state.row_sum.50', TOLERANCES.specOptimizer)
    : compareRows(golden, optimizer);
}

/**
 * The fixture's decay reaches the rows that a step names and no others, which Gradloom refuses for a table. So each row
 * is a parameter by itself, which is updated in the steps that name it.
 */
function compareRows(golden: GoldenCase, optimizer: Optimizer): Comparison[] {
  const { data, shape } = golden.shared('sparse_common/w0');
  const [rows = 0, units = 0] = shape;
  const indices = golden.shared('sparse_common/indices');
  const [, length = 0] = indices.shape;
  const table = Float32Array.from(data);
  const gradients = floatsOf(golden.shared('sparse_common/grad_out'));
  const updaters = Array.from({ length: rows }, () => {
    return new native.Updater({
      optimizer: toNativeOptimizer(optimizer),
      shapes: [[1, units]],
      threads: 1,
      nonFinite: 'stop',
    });
  });
  const tolerance = TOLERANCES.specOptimizer;
  const comparisons: Comparison[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const sums = new Map<number, Float32Array>();
    for (let place = (step - 1) * length; place < step * length; place++) {
      const row = integersOf(indices)[place] as number;
      const sum = sums.get(row) ?? new Float32Array(units);
      for (let unit = 0; unit < units; unit++)
        sum[unit] = (sum[unit] ?? 0) + (gradients[place * units + unit] as number);
      sums.set(row, sum);
    }
    for (const [row, gradient] of sums) {
      updaters[row]?.step([table.subarray(row * units, (row + 1) * units)], [gradient]);
    }
    if (!RECORDED_STEPS.includes(step)) continue;
    const tensor = `ref.${step}`;
    comparisons.push({ tensor, got: table.slice(), ref: golden.tensor(tensor).data, tolerance });
  }
  const got = updaters.map((updater) => updater.getState()[0]?.[0]?.[0] as number);
  const tensor = 'state.row_sum.50';
  return [...comparisons, { tensor, got, ref: golden.tensor(tensor).data, tolerance }];
}

/** Of a table of one number a row, each step names the rows that the fixture touches; the others are caught up on. */
export async function compareLazyProximal(golden: GoldenCase): Promise<Comparison[]> {
  const start = golden.shared('lazy_common/w0');
  const rows = start.data.length;
  const gradients = floatsOf(golden.shared('lazy_common/grads'));
  const touched = integersOf(golden.shared('lazy_common/touched'));
  const { lr, initial_accumulator_value, l1, l2 } = golden.attrs as unknown as Penalties;
  const model = sequential({ inputShape: [rows] }, [sparseDense({ units: 1, bias: false, name: 'table' })]);
  model.setWeights({ 'table.weight': { data: floatsOf(start), shape: [1, rows] } });
  const trainer = new Trainer(model, {
    optimizer: proximalAdagrad({ learningRate: lr, initialAccumulator: initial_accumulator_value, l1, l2 }),
    loss: given,
  });
  const comparisons: Comparison[] = [];
  const tolerance = TOLERANCES.specOptimizer;
  for (let step = 0; step < STEPS; step++) {
    const of = (row: number) => step * rows + row;
    const named = Array.from({ length: rows }, (_, row) => row).filter((row) => touched[of(row)] === 1);
    // One sample a row, of which the gradient is that of the output; where no row is touched, one of none.
    const samples = named.length === 0 ? [[]] : named.map((row) => [row]);
    const labels = Float32Array.from(samples, ([row]) =>
      row === undefined ? 0 : (gradients[of(row)] as number),
    );
    const data = fromSparse({ inputShape: [rows], samples, labels, labelShape: [1] });
    await trainer.fit(data, { batchSize: samples.length, shuffle: 'never', progress: 'none' });
    if (!RECORDED_STEPS.includes(step + 1)) continue;
    const tensor = `ref.${step + 1}`;
    const got = model.getWeights()['table.weight']?.data ?? [];
    comparisons.push({ tensor, got, ref: golden.tensor(tensor).data, tolerance });
  }
  const tensor = 'state.sum.50';
  return [
    ...comparisons,
    { tensor, got: await accumulatorOf(trainer), ref: golden.tensor(tensor).data, tolerance },
  ];
}

interface Penalties {
  readonly lr: number;
  readonly initial_accumulator_value: number;
  readonly l1: number;
  readonly l2: number;
}

async function compareSteps(
  golden: GoldenCase,
  optimizer: Optimizer,
  state: string,
  tolerance: Tolerance,
): Promise<Comparison[]> {
  const start = golden.shared('sparse_common/w0');
  const [rows = 0, units = 0] = start.shape;
  const indices = golden.shared('sparse_common/indices');
  const [, length = 0] = indices.shape;
  const samples = fromArrays({
    inputs: integersOf(indices),
    inputShape: [length],
    labels: floatsOf(golden.shared('sparse_common/grad_out')),
    labelShape: [length, units],
  });
  const model = sequential({ inputShape: [length] }, [embedding({ rows, units, name: 'table' })]);
  model.setWeights({ 'table.weight': { data: floatsOf(start), shape: start.shape } });
  const trainer = new Trainer(model, { optimizer, loss: given });
  const comparisons: Comparison[] = [];
  for (let step = 1; step <= STEPS; step++) {
    await trainer.fit(samples.select([step - 1]), { batchSize: 1, progress: 'none' });
    if (!RECORDED_STEPS.includes(step)) continue;
    const tensor = `ref.${step}`;
    const got = model.getWeights()['table.weight']?.data ?? [];
    comparisons.push({ tensor, got, ref: golden.tensor(tensor).data, tolerance });
  }
  const got = await accumulatorOf(trainer);
  return [...comparisons, { tensor: state, got, ref: golden.tensor(state).data, tolerance }];
}

async function accumulatorOf(trainer: Pick<Trainer, 'save'>): Promise<Float32Array> {
  const folder = await mkdtemp(join(tmpdir(), 'gradloom-golden-'));
  const path = join(folder, 'checkpoint');
  await trainer.save(path);
  const { tensors } = decodeSafetensors(await readFile(path), path);
  await rm(folder, { recursive: true });
  return [...tensors].find(([name]) => name.endsWith('.accumulator'))?.[1].data as Float32Array;
}
