/**
 * A recommender in a file: that of its model, which `loadModel` reads, with the metadata `recommender` (JSON: the penalty and the losses of
 * training) and tensors named `@recommender.*`: the pairs' users and items, and their names as JSON in UTF-8 where they have any.
 */
import { awaitNative } from '../core/errors.ts';
import { guardedBy, nonNegative, readOptions, required } from '../core/options.ts';
import type { Tensor } from '../formats/tensor.ts';
import {
  explain,
  type FilePart,
  fileError,
  type ModelFile,
  readModelFile,
  writeModelFile,
} from '../models/files/model-file.ts';
import { toWeights } from '../models/files/weights.ts';
import { buildModel, checkNothingLeft, parameterNames } from '../models/load-model.ts';
import { stateOf } from '../models/model.ts';
import { Names, Pairs, readSide, type Side } from './pairs.ts';
import { countsOf, ITEM_BIAS, type RecommenderModel } from './recommendations.ts';

/** All that a recommender answers from. */
export interface Trained {
  readonly model: RecommenderModel;
  readonly pairs: Pairs;
  /** Of the vectors in training. */
  readonly l2: number;
  readonly losses: readonly number[];
}

export async function writeRecommender(path: string, { model, pairs, l2, losses }: Trained): Promise<void> {
  const tensors = new Map<string, Tensor>();
  for (const [names, numbers] of [
    [pairs.users, pairs.userNumbers],
    [pairs.items, pairs.itemNumbers],
  ] as const) {
    tensors.set(`${names.what}s`, { dtype: 'I32', shape: [numbers.length], data: numbers });
    if (names.list === undefined) continue;
    const data = new TextEncoder().encode(JSON.stringify(names.list));
    tensors.set(`${names.what}Names`, { dtype: 'U8', shape: [data.length], data });
  }
  const { native, network, training } = stateOf(model);
  const { weights } = await awaitNative(() => native.copyParameters());
  await writeModelFile(path, {
    network,
    training,
    tensors: toWeights(weights),
    trainer: undefined,
    recommender: { state: { l2, losses }, tensors },
  });
}

const STATE = {
  l2: required(nonNegative),
  losses: required(
    guardedBy(
      'a list of numbers',
      (given): given is readonly number[] =>
        Array.isArray(given) && given.every((loss) => typeof loss === 'number'),
    ),
  ),
};

/** Rejects as `loadModel` does, and with `FILE_FORMAT` for the file of a model alone. */
export async function readRecommender(path: string): Promise<Trained> {
  const file = await readModelFile(path);
  const { recommender } = file;
  if (recommender === undefined) throw fileError(path, lackOf(file));
  const model = (await buildModel(path, file)) as unknown as RecommenderModel;
  checkNothingLeft(path, file.tensors, parameterNames(model));
  return explain(path, 'recommender', () => {
    const { l2, losses } = readOptions('recommender', recommender.state as object, STATE);
    const counts = countsOf('recommender', model);
    const users = takeSide(path, recommender, { what: 'user', count: counts.users });
    const items = takeSide(path, recommender, { what: 'item', count: counts.items });
    return { model, pairs: new Pairs(users, items), l2, losses: Object.freeze([...losses]) };
  });
}

/** What a file holds in place of a recommender, and what reads it. */
function lackOf({ network, trainer }: ModelFile): string {
  if (trainer !== undefined)
    return 'it holds a trainer and no recommender; read it with Trainer.load, its model with loadModel';
  return network.layers.some(({ name }) => name === ITEM_BIAS)
    ? "it holds a recommender's model alone; save the recommender by its own save, or read the model with loadModel and ask it by recommend"
    : 'it holds a model that is no recommender; read it with loadModel';
}

function takeSide(
  path: string,
  { tensors }: FilePart,
  { what, count }: { readonly what: 'user' | 'item'; readonly count: number },
): Side {
  const { numbers } = readSide(what, tensors.get(`${what}s`)?.data, count);
  const names = tensors.get(`${what}Names`)?.data;
  if (names === undefined) return { names: new Names(what, count), numbers };
  const list = readNames(names);
  if (list?.length === count) return { names: new Names(what, count, Object.freeze(list)), numbers };
  throw fileError(path, `tensor "@recommender.${what}Names" is no list of ${count} names`);
}

function readNames(data: Tensor['data']): string[] | undefined {
  try {
    const list: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
    return Array.isArray(list) && list.every((name) => typeof name === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}
