/** Networks that fit data of a kind, and the rates at which AdaGrad trains them well. */
import { GradloomError } from '../core/errors.ts';
import { formatShape, type InputShape, type Shape } from '../core/shape.ts';
import { type Columns, WIDE_LAYERS, wideAndDeepModel } from '../estimators/wide-and-deep-model.ts';
import { conv2d, dense, flatten, maxPool2d, sparseDense } from '../layers/index.ts';
import type { Layer } from '../layers/layer.ts';
import type { Model } from '../models/model.ts';
import { makeLayer } from '../models/network/make-layer.ts';
import { sequential } from '../models/sequential.ts';
import { formatCount } from './output.ts';

export const PRESETS = ['linear', 'mlp', 'wide-and-deep', 'cnn'] as const;
export type PresetName = (typeof PRESETS)[number];

export interface Preset {
  readonly name: PresetName | 'layers';
  readonly makeModel: (seed: number) => Model;
  /** For AdaGrad. */
  readonly learningRate: number;
  readonly epochs: number;
  /** Names of the layers that may have an optimizer of their own. */
  readonly wideLayers?: string;
  /** The network in one line. */
  readonly text: string;
}

export interface PresetOptions {
  readonly inputShape: InputShape;
  /** Rows of which only some features are there. */
  readonly isSparse: boolean;
  /** Classes, or values of the target. */
  readonly outputs: number;
  /** Of hidden layers; undefined: the preset's. */
  readonly units: readonly number[] | undefined;
  /** The inputs, where there are several. */
  readonly columns: Columns | undefined;
}

/** Those of a network of layers one behind another. */
type SequentialOptions = PresetOptions & { readonly inputShape: Shape };

const MLP_UNITS: readonly number[] = [64, 32];
const CNN_UNITS: readonly number[] = [64];
/** Numbers of the vector of a category. */
const CATEGORY_UNITS = 8;
const CNN_FILTERS = [16, 32, 64] as const;
const MLP_RATE = 0.05;
const CNN_RATE = 0.02;
const ROW_EPOCHS = 100;
const IMAGE_EPOCHS = 20;
/** Smaller maps are not pooled further. */
const MIN_SIDE = 6;

export function makePreset(chosen: PresetName | undefined, options: PresetOptions): Preset {
  const { columns, inputShape, units } = options;
  if (columns !== undefined) return wideAndDeep(columns, options);
  const isImage = (inputShape as Shape).length === 3;
  const name = chosen ?? (isImage ? 'cnn' : 'mlp');
  if (name === 'wide-and-deep') {
    throw presetError(
      '--model wide-and-deep is for tables with columns, such as CSV; take mlp, or leave it out',
    );
  }
  if (name === 'cnn' && !isImage) {
    throw presetError('--model cnn is for pictures; rows of a table take linear or mlp, or wide-and-deep');
  }
  if (name === 'linear' && units !== undefined) {
    throw presetError('--model linear has no hidden layer; leave --units out, or take --model mlp');
  }
  return { linear, mlp, cnn }[name](options as SequentialOptions);
}

function presetError(text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `train: ${text}`);
}

/** A linear model on all columns, and a network that reads a vector for each category. */
function wideAndDeep(columns: Columns, { outputs, units: hidden = MLP_UNITS }: PresetOptions): Preset {
  const names = Object.keys(columns);
  const parts = { wide: names, deep: names, outputs, hidden, units: CATEGORY_UNITS };
  const categories = names.filter((name) => columns[name]?.inputs instanceof Int32Array);
  const vectors = `${formatCount(categories.length)} x ${CATEGORY_UNITS} for categories`;
  return {
    name: 'wide-and-deep',
    makeModel: (seed) => wideAndDeepModel(columns, { ...parts, seed }) as unknown as Model,
    wideLayers: WIDE_LAYERS,
    learningRate: MLP_RATE,
    epochs: ROW_EPOCHS,
    text: `wide-and-deep, linear on all columns + network (${vectors} -> ${[...hidden, outputs].join(' -> ')})`,
  };
}

function inSequence(inputShape: Shape, layers: readonly Layer[]): Preset['makeModel'] {
  return (seed) => sequential({ inputShape, seed }, layers) as Model;
}

function linear({ inputShape, isSparse, outputs }: SequentialOptions): Preset {
  return {
    name: 'linear',
    makeModel: inSequence(
      inputShape,
      isSparse ? [sparseDense({ units: outputs })] : [...flat(inputShape), dense({ units: outputs })],
    ),
    learningRate: 0.1,
    epochs: ROW_EPOCHS,
    text: `linear, ${chain(inputShape, [outputs])}`,
  };
}

function mlp({ inputShape, isSparse, outputs, units = MLP_UNITS }: SequentialOptions): Preset {
  const [first = outputs, ...others] = units;
  const start = isSparse
    ? [sparseDense({ units: first, activation: 'relu' }), ...hidden(others)]
    : [...flat(inputShape), ...hidden(units)];
  return {
    name: 'mlp',
    makeModel: inSequence(inputShape, [...start, dense({ units: outputs })]),
    learningRate: MLP_RATE,
    epochs: ROW_EPOCHS,
    text: `mlp, ${chain(inputShape, [...units, outputs])}`,
  };
}

function cnn({ inputShape, outputs, units = CNN_UNITS }: SequentialOptions): Preset {
  const [height, width] = inputShape as readonly [number, number, number];
  let side = Math.min(height, width);
  const blocks: Layer[] = [];
  const texts: string[] = [];
  for (const filters of CNN_FILTERS) {
    blocks.push(conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu' }));
    texts.push(`conv ${filters}`);
    if (side < MIN_SIDE) break;
    blocks.push(maxPool2d({ poolSize: 2 }));
    side = Math.floor(side / 2);
  }
  return {
    name: 'cnn',
    makeModel: inSequence(inputShape, [...blocks, flatten(), ...hidden(units), dense({ units: outputs })]),
    learningRate: CNN_RATE,
    epochs: IMAGE_EPOCHS,
    text: `cnn, ${inputShape.join('x')} -> ${texts.join(' -> ')} -> ${[...units, outputs].join(' -> ')}`,
  };
}

/** The layers of a spec, whose last one has to give what the target needs. */
export function ownLayers(
  given: readonly object[],
  options: PresetOptions & { readonly task: 'classification' | 'regression' },
): Preset {
  const { inputShape, outputs, task } = options as SequentialOptions & typeof options;
  const layers = given.map((layer, place) => makeLayer('train', `model.layers[${place}]`, layer));
  const last = layers.at(-1) as Layer & { units?: unknown; activation?: unknown; bias?: unknown };
  const isDense = last.kind === 'dense' || last.kind === 'sparseDense';
  const isLinear = isDense && (last.activation ?? 'linear') === 'linear' && last.bias !== false;
  if (!isLinear || last.units !== outputs) {
    const why = task === 'regression' ? 'the amount' : `the ${outputs} classes`;
    throw new GradloomError(
      'INVALID_OPTION',
      `train: the last of model.layers must give ${why}: { "kind": "dense", "units": ${outputs} }, without activation and with bias`,
    );
  }
  return {
    name: 'layers',
    makeModel: inSequence(inputShape, layers),
    learningRate: inputShape.length === 3 ? CNN_RATE : MLP_RATE,
    epochs: inputShape.length === 3 ? IMAGE_EPOCHS : ROW_EPOCHS,
    text: `${formatShape(inputShape)} -> ${layers.map(({ kind }) => kind).join(' -> ')}`,
  };
}

function flat(inputShape: Shape): Layer[] {
  return inputShape.length === 1 ? [] : [flatten()];
}

function hidden(units: readonly number[]): Layer[] {
  return units.map((count) => dense({ units: count, activation: 'relu' }));
}

function chain(inputShape: Shape, units: readonly number[]): string {
  const inputs = inputShape.reduce((product, extent) => product * extent, 1);
  return [inputs, ...units].map(formatCount).join(' -> ');
}
