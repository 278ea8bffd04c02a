/** Sparse samples: of each the features that are there, in compressed rows (CSR). */

/** Row `r` has the entries `[offsets[r], offsets[r + 1])`: a feature's number each, and its value (1 where there are none). */
export interface SparseInputs {
  readonly offsets: Uint32Array<ArrayBuffer>;
  readonly indices: Uint32Array<ArrayBuffer>;
  readonly values: Float32Array<ArrayBuffer> | undefined;
}

/** A sample with its zeros, as a model sees it; entries of one feature add up. */
export function spreadRow(
  { offsets, indices, values }: SparseInputs,
  row: number,
  size: number,
): Float32Array {
  const sample = new Float32Array(size);
  for (let entry = offsets[row] as number; entry < (offsets[row + 1] as number); entry++) {
    const feature = indices[entry] as number;
    sample[feature] = (sample[feature] as number) + (values?.[entry] ?? 1);
  }
  return sample;
}

/** The samples of views one behind another, in arrays of their own. */
export function joinSparse(
  all: readonly { readonly inputs: SparseInputs; readonly rows: Uint32Array | undefined }[],
): SparseInputs {
  const offsets = [0];
  for (const { inputs, rows } of all) {
    const count = rows?.length ?? inputs.offsets.length - 1;
    for (let place = 0; place < count; place++) {
      const row = rows?.[place] ?? place;
      const length = (inputs.offsets[row + 1] as number) - (inputs.offsets[row] as number);
      offsets.push((offsets.at(-1) as number) + length);
    }
  }
  const entries = offsets.at(-1) as number;
  const indices = new Uint32Array(entries);
  const values = all.some(({ inputs }) => inputs.values !== undefined)
    ? new Float32Array(entries).fill(1)
    : undefined;
  let place = 0;
  for (const { inputs, rows } of all) {
    const count = rows?.length ?? inputs.offsets.length - 1;
    for (let i = 0; i < count; i++) {
      const row = rows?.[i] ?? i;
      const [begin, end] = [inputs.offsets[row] as number, inputs.offsets[row + 1] as number];
      const to = offsets[place++] as number;
      indices.set(inputs.indices.subarray(begin, end), to);
      if (inputs.values !== undefined) values?.set(inputs.values.subarray(begin, end), to);
    }
  }
  return { offsets: Uint32Array.from(offsets), indices, values };
}
