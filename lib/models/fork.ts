/** Which layers of a model a fork takes, and the network that it makes of them. */
import { GradloomError } from '../core/errors.ts';
import {
  boolean,
  formatValue,
  listOf,
  oneOf,
  optional,
  seed,
  suggest,
  text,
  withDefault,
} from '../core/options.ts';
import type { Layer } from '../layers/layer.ts';
import { makeLayer } from '../layers/make-layer.ts';
import type { ModelState } from './model-state.ts';
import {
  checkGivenValues,
  type NamedLayer,
  nameLayers,
  type SequentialNetwork,
  sequentialOnly,
} from './network.ts';
import type { TrainingRecord } from './training-record.ts';

export interface ForkOptions<
  First extends string | undefined = string | undefined,
  Last extends string | undefined = string | undefined,
> {
  /** Name of the first layer to take. Default: the model's first. */
  readonly first?: First;
  /** Name of the last layer to take. Default: the model's last. */
  readonly last?: Last;
  /**
   * Whether training leaves the taken layers as they are: their descriptions get `trainable: false`. Default: false.
   */
  readonly freeze?: boolean;
  /**
   * `'keep'`: the preprocessing of the data that the model was trained on, whose units the taken layers know, is the
   * fork's too, and data of another are refused. `'new'`: it is that of the data that the fork will be trained on.
   * Counts only from the first layer on; a fork that begins later has none. Default: `'keep'`.
   */
  readonly preprocessing?: 'keep' | 'new';
  /** Seed of the new layers' initial weights. Default: 0. */
  readonly seed?: number;
}

export const FORK_OPTIONS = {
  first: optional(text),
  last: optional(text),
  freeze: withDefault(boolean, false),
  preprocessing: withDefault(oneOf('keep', 'new'), 'keep'),
  seed: withDefault(seed, 0),
};

/** What a fork is made of; `isTaken` says which of the model's weights it copies. */
export interface ForkedNetwork {
  readonly network: SequentialNetwork;
  readonly training: TrainingRecord | undefined;
  readonly isTaken: (parameter: string) => boolean;
}

export function forkNetwork(
  { native: inner, network: given, training }: ModelState,
  { freeze, preprocessing, ...ends }: Required<Pick<ForkOptions, 'freeze' | 'preprocessing'>> & Ends,
  added: unknown,
): ForkedNetwork {
  const network = sequentialOnly('fork', given);
  const { begin, end } = findRange(network, ends);
  const taken = network.layers.slice(begin, end);
  const before = inner.layers.find(({ name }) => name === network.layers[begin - 1]?.name);
  const keeps = begin === 0 && preprocessing === 'keep' && training !== undefined;
  return {
    network: {
      inputShape: before?.outputShape ?? network.inputShape,
      layers: forkLayers(taken, added, freeze),
    },
    training: keeps ? { ...training, loss: undefined, classNames: undefined } : undefined,
    isTaken: (parameter) => taken.some((layer) => isParameterOf(parameter, layer)),
  };
}

type Ends = Pick<ForkOptions, 'first' | 'last'>;

/** Places in a list of layers: `begin` counts, `end` does not. */
interface Range {
  readonly begin: number;
  readonly end: number;
}

/** The layers from `first` to `last`, both taken. */
function findRange({ layers }: SequentialNetwork, { first, last }: Ends): Range {
  const begin = first === undefined ? 0 : findLayer('first', layers, first);
  const end = last === undefined ? layers.length : findLayer('last', layers, last) + 1;
  if (begin < end) return { begin, end };
  throw forkError(`last "${last}" stands before first "${first}"; the layers are ${listOf(namesOf(layers))}`);
}

/** Taken layers keep their names; a new one without a name gets the next count of its kind that is free. */
function forkLayers(taken: readonly NamedLayer[], added: unknown, freeze: boolean): readonly NamedLayer[] {
  if (!Array.isArray(added)) {
    throw forkError(`the new layers must be a list of layers, got ${formatValue(added)}`);
  }
  const kept = freeze ? taken.map(freezeLayer) : taken;
  const layers: Layer[] = [...kept];
  for (const [index, given] of added.entries()) {
    const layer = makeLayer('fork', `layers[${index}]`, given);
    layers.push(layer.name === undefined ? { ...layer, name: freeName(layer.kind, layers) } : layer);
  }
  checkGivenValues('fork', layers.slice(taken.length));
  return nameLayers('fork', layers);
}

/** Layers without weights have no attribute `trainable`; blocks hold theirs. */
function freezeLayer<Frozen extends Layer>(layer: Frozen): Frozen {
  const blocks = BLOCK_PATHS.flatMap((path) => {
    const layers = layer[path] as readonly Layer[] | undefined;
    return layers === undefined ? [] : [[path, layers.map(freezeLayer)] as const];
  });
  const own = 'trainable' in layer ? { trainable: false } : {};
  return { ...layer, ...own, ...Object.fromEntries(blocks) };
}

const BLOCK_PATHS = ['layers', 'shortcut'];

function freeName(kind: string, layers: readonly Layer[]): string {
  const names = new Set(namesOf(layers));
  let count = layers.filter((layer) => layer.kind === kind).length + 1;
  while (names.has(`${kind}_${count}`)) count += 1;
  return `${kind}_${count}`;
}

/** Whether a parameter is one of a layer's, or of a layer inside it. */
function isParameterOf(parameter: string, { name }: NamedLayer): boolean {
  return parameter.startsWith(`${name}.`);
}

function findLayer(option: 'first' | 'last', layers: readonly NamedLayer[], name: string): number {
  const place = layers.findIndex((layer) => layer.name === name);
  if (place >= 0) return place;
  throw forkError(`${option} names no layer ${formatValue(name)}; ${suggest(name, namesOf(layers))}`);
}

function namesOf(layers: readonly Layer[]): string[] {
  return layers.flatMap(({ name }) => name ?? []);
}

function forkError(message: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `fork: ${message}`);
}
