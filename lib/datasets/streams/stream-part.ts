/** The samples of an epoch of a stream, as they come together. */
import { formatValue, listOf } from '../../core/options.ts';
import { isNamed } from '../../core/shape.ts';
import { datasetOf } from '../arrays/from-arrays.ts';
import { buildInputs } from '../arrays/from-inputs.ts';
import type { Dataset } from '../dataset.ts';
import { isList } from '../values/copies.ts';
import type { LabelData } from '../values/labels.ts';
import { AS_STORED, StreamColumn } from './stream-column.ts';
import { type GivenLabel, type GivenSample, inputsOf, invalid, type StreamForm } from './stream-samples.ts';

type Target = number | Float32Array;

export class Part {
  readonly #operation: string;
  readonly #form: StreamForm;
  readonly #columns: readonly StreamColumn[];
  #labels: Target[] = [];
  /** Of a stream of several targets, by name; in place of labels. */
  #targets: Record<string, Target[]> = {};
  #length = 0;
  /** Of parts that were taken. */
  #number = 0;

  /** Of at most so many samples. */
  constructor(operation: string, form: StreamForm, most: number) {
    this.#operation = operation;
    this.#form = form;
    this.#columns = inputsOf(form).map(([name, shape]) => new StreamColumn(name, shape, most));
  }

  get length(): number {
    return this.#length;
  }

  add(name: string, { inputs, label }: GivenSample): void {
    // Labels first: a sample that is refused leaves nothing behind that the next one would be held against.
    if (this.#form.labelKind === 'targets') this.#addTargets(name, label);
    else this.#labels.push(copyOf(label as number | ArrayLike<number>));
    for (const [place, column] of this.#columns.entries()) column.add(name, inputs[place]);
    this.#length += 1;
  }

  /** The samples so far, as a dataset; none are left. */
  take(): Dataset {
    const operation = `${this.#operation}: part ${++this.#number} of the stream`;
    const labels = {
      labels: this.#labels as unknown as LabelData,
      labelKind: this.#form.labelKind,
      labelShape: undefined,
      classNames: undefined,
      sampleWeights: undefined,
    };
    const [first] = this.#columns as [StreamColumn];
    const dataset = isNamed(this.#form.inputShape)
      ? buildInputs(operation, {
          inputs: Object.fromEntries(this.#columns.map((column) => [column.name, column.take(operation)])),
          ...(this.#form.labelKind === 'targets'
            ? { targets: this.#targets as unknown as Record<string, LabelData> }
            : labels),
        })
      : datasetOf(operation, first.takeDense(), { ...AS_STORED, ...labels, inputShape: first.shape });
    this.#labels = [];
    this.#targets = {};
    this.#length = 0;
    return dataset as Dataset;
  }

  #addTargets(name: string, label: GivenLabel): void {
    if (typeof label !== 'object' || label === null || isList(label)) {
      throw invalid(name, `must have labels by the names of heads, got ${formatValue(label)}`);
    }
    const given = label as Readonly<Record<string, number | ArrayLike<number>>>;
    const names = Object.keys(given).sort();
    const known = this.#length === 0 ? names : Object.keys(this.#targets).sort();
    if (names.length === 0 || names.join() !== known.join()) {
      const of = (list: readonly string[]) => listOf(list.map(formatValue)) || 'none';
      throw invalid(name, `has the targets ${of(names)}, and samples before it ${of(known)}`);
    }
    for (const target of names) {
      const value = copyOf(given[target] as number | ArrayLike<number>);
      this.#targets[target] ??= [];
      const values = this.#targets[target];
      if (values.length > 0 && typeof values[0] !== typeof value) {
        throw invalid(
          name,
          `has target ${formatValue(target)} ${formatValue(given[target])}; a number is a class, and a list target values, of all samples alike`,
        );
      }
      values.push(value);
    }
  }
}

/** The source may use its arrays again. */
function copyOf(label: number | ArrayLike<number>): Target {
  return isList(label) ? Float32Array.from(label as ArrayLike<number>) : (label as number);
}
