/** What a dataset is made of. */
import type { Shape } from '../core/shape.ts';
import type { Vectorizer } from '../text/vectorizer.ts';
import type { Preprocessing } from './preprocessing.ts';
import type { SparseInputs } from './sparse-inputs.ts';
import type { Table } from './table.ts';

/** `'class'`: an integer from 0; `'values'`: an array of targets; `'none'`: inputs alone. */
export type LabelKind = 'class' | 'values' | 'none';

/** What one label is: the class's number, the target's values, or nothing. */
export type LabelOf<Label extends LabelKind> = {
  class: number;
  values: Float32Array;
  none: undefined;
}[Label];

export interface Sample<Label extends LabelKind = LabelKind> {
  /** As a model sees it, preprocessed. */
  readonly input: Float32Array;
  readonly label: LabelOf<Label>;
}

/** Int32Array: ids, rows of a table. */
export type Inputs = Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
export type Labels = Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>;

/**
 * What a dataset stands on. Views of one dataset share its arrays, which are never written to: `rows` names the
 * samples of a view by their place in them.
 */
export interface DatasetParts<Input extends Shape = Shape, Label extends LabelKind = LabelKind> {
  readonly inputShape: Input;
  readonly labelKind: Label;
  readonly labelShape: Shape;
  readonly inputs: Inputs | SparseInputs;
  readonly labels: Labels | undefined;
  readonly classCount: number;
  readonly classNames: readonly string[] | undefined;
  readonly preprocessing: Preprocessing;
  /** Indexed by row, as the labels are. */
  readonly sampleWeights?: Float32Array<ArrayBuffer> | undefined;
  readonly rows: Uint32Array<ArrayBuffer> | undefined;
  readonly table: Table | undefined;
  /** What made the samples, where they are texts. */
  readonly vectorizer?: Vectorizer | undefined;
  /** For each input column of the table the rows in which a value was filled in. */
  readonly gaps?: readonly Uint32Array[] | undefined;
}
