/** What a workload is: a net, its batch, its loss and its optimizer, as plain JSON. */
import { readFileSync } from 'node:fs';
import { anything, extent, oneOf, readOptions, required, sampleShape, text } from '../../lib/core/options.ts';
import { type Layer, type Model, type Optimizer, sequential } from '../../lib/index.ts';

/** `stride` for `strides`, and `{ kind: 'activation', activation: 'relu' }` for `relu()`; else as the library's own. */
export type LayerRecord = { readonly kind: string; readonly [option: string]: unknown };

const LOSSES = ['softmaxCrossEntropy', 'sigmoidBinaryCrossEntropy', 'meanSquaredError'] as const;

export interface Spec {
  readonly name: string;
  /** Of one sample, channels last. */
  readonly inputShape: readonly number[];
  readonly batchSize: number;
  readonly layers: readonly LayerRecord[];
  readonly loss: (typeof LOSSES)[number];
  readonly optimizer: Optimizer;
}

const FIELDS = {
  name: required(text),
  inputShape: required(sampleShape),
  batchSize: required(extent),
  layers: required(anything('a list of layers')),
  loss: required(oneOf(...LOSSES)),
  optimizer: required(anything('an optimizer such as {"kind": "adagrad", "learningRate": 0.01}')),
};

/** Checks the fields; layers and optimizer are checked where they are made. */
export function readSpec(path: string): Spec {
  const { layers, optimizer, ...fields } = readOptions(path, readJson(path), FIELDS);
  if (!Array.isArray(layers) || !layers.every(isRecord)) {
    throw new Error(`${path}: layers must be a list of objects such as {"kind": "dense", "units": 10}`);
  }
  return { ...fields, layers, optimizer: optimizer as Optimizer };
}

function readJson(path: string): object {
  const content = readFileSync(path, 'utf8');
  try {
    return JSON.parse(content) as object;
  } catch (error) {
    throw new Error(`${path} is not JSON: ${(error as Error).message}`);
  }
}

function isRecord(value: unknown): value is LayerRecord {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string';
}

export function buildModel({ inputShape, layers }: Spec): Model {
  return sequential({ inputShape, seed: 1 }, layers.map(toLayer));
}

function toLayer({ stride, ...record }: LayerRecord): Layer {
  if (record.kind === 'activation') return { kind: String(record.activation) };
  return (stride === undefined ? record : { ...record, strides: stride }) as Layer;
}
