/** Where the time of training goes, and what the machine could give: for `bench/`. */

/** Where the time of training steps goes. */
export interface NativeStepProfile {
  /** That the steps ran on. */
  readonly threads: number;
  /** In the order in which they run. */
  readonly parts: readonly NativeStepPart[];
  /** Of the parts together: a step of the quickest 5 ms of steps, or of all steps where they take no 5 ms. */
  readonly seconds: number;
  /** Of each step. */
  readonly stepSeconds: Float64Array;
}

export interface NativeStepPart {
  /** A layer, `conversion` between two layouts, or `gather`, `loss`, `grouping` (of sparse entries), `update` (behind all gradients). */
  readonly name: string;
  readonly pass: 'forward' | 'backward' | '';
  readonly kernel: string;
  /** A step of those that the profile's `seconds` are of. */
  readonly seconds: number;
  /** Of products, by definition, and those that the kernel does for them. */
  readonly flops: number;
  readonly kernelFlops: number;
  /** Square roots and divisions of its updates. */
  readonly divisions: number;
  /** Everything that it has to read or write once, and the memory that this lies in. */
  readonly bytes: number;
  readonly workingSet: number;
  /** Of `bytes`, those in rows of tables, the longest of these rows, and the tables: with what the optimizer keeps, where they are changed. */
  readonly placedBytes: number;
  readonly rowBytes: number;
  readonly tableBytes: number;
}

/** Rows of whole cache lines that are read, or changed, in random order by all threads. */
export interface NativeTable {
  readonly bytes: number;
  readonly rowBytes: number;
  readonly written: boolean;
}
