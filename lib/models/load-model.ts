import { awaitNative } from '../core/errors.ts';
import { formatValue, readValue, text } from '../core/options.ts';
import { formatShape, type InputShape, type Shape, sameShape } from '../core/shape.ts';
import { explain, fileError, type ModelFile, readModelFile } from './files/model-file.ts';
import type { Weights } from './files/weights.ts';
import { Model, stateOf } from './model.ts';

/**
 * Reads a model that `save` wrote, of a model or of a trainer.
 *
 * Rejects with `FILE_NOT_FOUND`, with `FILE_FORMAT` for a file that is no model, is damaged or comes from a
 * newer version, and with `CHECKSUM_MISMATCH` for one that changed after it was written.
 *
 * Of what the file holds the types know what you say: `loadModel<{ user: [1]; item: [1] }>(path)` for a model of these
 * inputs, by default one input of any shape.
 */
export async function loadModel<Input extends InputShape = Shape, Output extends InputShape = Shape>(
  path: string,
): Promise<Model<Input, Output>> {
  readValue('loadModel', 'path', path, text);
  const file = await readModelFile(path);
  const model = await buildModel(path, file);
  if (file.trainer === undefined) checkNothingLeft(path, file.tensors, parameterNames(model));
  return model as unknown as Model<Input, Output>;
}

/** Builds the model of a file and gives it its weights, while the event loop stays free; other tensors are left aside. */
export async function buildModel(
  path: string,
  { network, training, tensors }: ModelFile,
): Promise<Model<InputShape>> {
  // A small file must not make us allocate a large network; a few missing weights get a better message below.
  const maxParameters = Object.values(tensors).reduce((sum, { data }) => sum + data.length, 2 ** 20);
  const model = explain(
    path,
    'architecture',
    () => new Model<InputShape>(network, { training, maxParameters }),
  );
  const { native } = stateOf(model);
  const weights = Object.values(selectTensors(path, tensors, native.parameters));
  await awaitNative(() => native.loadParameters(weights.map(({ data }) => data)));
  return model;
}

/** The tensors of the given names, each of its shape. */
export function selectTensors(
  path: string,
  tensors: Weights,
  expected: readonly { readonly name: string; readonly shape: readonly number[] }[],
): Weights {
  const selected = expected.map(({ name, shape }) => {
    const tensor = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
    if (tensor === undefined) throw fileError(path, `tensor "${name}" is missing`);
    if (sameShape(tensor.shape, shape)) return [name, tensor] as const;
    throw fileError(
      path,
      `tensor "${name}" has shape ${formatShape(tensor.shape)}, the architecture needs ${formatShape(shape)}`,
    );
  });
  return Object.fromEntries(selected);
}

export function parameterNames(model: Model<InputShape>): readonly string[] {
  return stateOf(model).native.parameters.map(({ name }) => name);
}

/** Refuses tensors that nobody reads: they show that the file is not what it says. */
export function checkNothingLeft(path: string, tensors: Weights, read: readonly string[]): void {
  const known = new Set(read);
  const left = Object.keys(tensors).find((name) => !known.has(name));
  if (left === undefined) return;
  throw fileError(path, `tensor ${formatValue(left)} belongs to no layer of the architecture`);
}
