/** Items of a stream as single samples, checked as far as their labels go. */
import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import { formatValue, listOf, suggest } from '../../core/options.ts';
import { formatShape, type InputShape, isNamed, type Shape, sizeOf } from '../../core/shape.ts';
import type { LabelKind } from '../parts/dataset-parts.ts';
import { isList } from '../values/copies.ts';

/** A class, target values, or of several targets either by name. */
export type GivenLabel = number | ArrayLike<number> | Readonly<Record<string, number | ArrayLike<number>>>;

export interface GivenSample {
  /** One for each input of the stream, in the order of its names. */
  readonly inputs: readonly unknown[];
  readonly label: GivenLabel;
}

/** What items are held against. */
export interface StreamForm {
  readonly inputShape: InputShape;
  readonly labelKind: LabelKind;
}

/** The inputs by name; of a stream of one input it has none. */
export function inputsOf({ inputShape }: StreamForm): readonly (readonly [name: string, shape: Shape])[] {
  return isNamed(inputShape) ? Object.entries(inputShape) : [['', inputShape]];
}

/** The samples of an item, `name` in errors: of one, or of a batch. */
export function* samplesOf(
  name: string,
  item: unknown,
  form: StreamForm,
): Generator<GivenSample, void, undefined> {
  const given = (typeof item === 'object' && item !== null ? item : {}) as Readonly<Record<string, unknown>>;
  const isSample = given.input !== undefined;
  const inputs = readInputs(name, isSample ? 'input' : 'inputs', given, form);
  const labels = isSample ? given.label : given.labels;
  if (inputs === undefined || (!isSample && !isList(labels) && form.labelKind !== 'targets')) {
    throw invalid(
      name,
      `must be a sample { input, label }, a batch { inputs, labels } or a Dataset, got ${formatValue(item)}`,
    );
  }
  if (isSample) {
    yield { inputs, label: labels as GivenLabel };
    return;
  }
  const counts = inputsOf(form).map(([, shape], place) => countOf(inputs[place], shape));
  const [count] = counts as [number];
  const broken = isNamed(form.inputShape) ? counts.findIndex((each) => !Number.isInteger(each)) : -1;
  if (broken >= 0) {
    const [input, shape] = inputsOf(form)[broken] as [string, Shape];
    const { length } = inputs[broken] as ArrayLike<unknown>;
    throw invalid(
      name,
      `has ${length} values of input ${formatValue(input)}, and samples have shape ${formatShape(shape)}`,
    );
  }
  const other = counts.findIndex((each) => each !== count);
  if (other >= 0) {
    const [first, second] = [0, other].map((place) => formatValue(inputsOf(form)[place]?.[0]));
    throw invalid(name, `has ${count} samples of input ${first} and ${counts[other]} of ${second}`);
  }
  const labelAt = form.labelKind === 'targets' ? readTargetLabels(name, labels, count) : undefined;
  const list = labels as ArrayLike<number>;
  if (labelAt === undefined && list.length !== count) {
    const size = isNamed(form.inputShape) ? '' : ` of ${sizeOf(form.inputShape)} values`;
    throw invalid(name, `has ${list.length} labels for ${count} samples${size}`);
  }
  for (let row = 0; row < count; row++) {
    yield {
      inputs: inputsOf(form).map(([, shape], place) => rowOf(inputs[place], shape, row)),
      label: labelAt?.(row) ?? (list[row] as number),
    };
  }
}

/** What the item has for each input; undefined where it is of neither form. */
function readInputs(
  name: string,
  field: 'input' | 'inputs',
  given: Readonly<Record<string, unknown>>,
  form: StreamForm,
): readonly unknown[] | undefined {
  const value = given[field];
  if (!isNamed(form.inputShape)) return isList(value) ? [value] : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const byName = value as Readonly<Record<string, unknown>>;
  const names = inputsOf(form).map(([input]) => input);
  if (isList(value)) {
    throw invalid(name, `must have ${field} by name, of ${listOf(names)}, got ${formatValue(value)}`);
  }
  const unknown = Object.keys(byName).find((input) => !names.includes(input));
  if (unknown !== undefined) {
    throw invalid(
      name,
      `has an input ${formatValue(unknown)} that the stream has not; ${suggest(unknown, names)}`,
    );
  }
  const missing = names.find((input) => byName[input] === undefined);
  if (missing !== undefined) {
    throw invalid(name, `has no input ${formatValue(missing)}; the stream has ${listOf(names)}`);
  }
  const wrong = names.find((input) => field === 'inputs' && !isList(byName[input]));
  if (wrong !== undefined) {
    throw invalid(
      name,
      `must have a list of samples of input ${formatValue(wrong)}, got ${formatValue(byName[wrong])}`,
    );
  }
  return names.map((input) => byName[input]);
}

function countOf(values: unknown, shape: Shape): number {
  const list = values as ArrayLike<unknown>;
  return types.isTypedArray(values) ? list.length / sizeOf(shape) : list.length;
}

function rowOf(values: unknown, shape: Shape, row: number): unknown {
  if (!types.isTypedArray(values)) return (values as readonly unknown[])[row];
  const size = sizeOf(shape);
  return (values as Float32Array).subarray(row * size, (row + 1) * size);
}

/** Of a batch, by name: a Float32Array of target values, or a list of classes or of target values. */
function readTargetLabels(name: string, labels: unknown, count: number): (row: number) => GivenLabel {
  if (typeof labels !== 'object' || labels === null || isList(labels)) {
    throw invalid(name, `must have labels by the names of heads, got ${formatValue(labels)}`);
  }
  const columns = Object.entries(labels).map(([target, values]) => {
    const isFlat = types.isFloat32Array(values);
    const size = isFlat ? values.length / count : 1;
    if (!isList(values) || (isFlat ? !Number.isInteger(size) || size === 0 : values.length !== count)) {
      const got = isList(values) ? `${values.length} labels` : formatValue(values);
      throw invalid(name, `has ${got} of target ${formatValue(target)} for ${count} samples`);
    }
    return [target, values, size] as const;
  });
  return (row) =>
    Object.fromEntries(
      columns.map(([target, values, size]) => [
        target,
        types.isFloat32Array(values)
          ? values.subarray(row * size, (row + 1) * size)
          : (values[row] as number | ArrayLike<number>),
      ]),
    );
}

export function invalid(name: string, text: string): GradloomError {
  return new GradloomError('INVALID_DATA', `${name} ${text}`);
}
