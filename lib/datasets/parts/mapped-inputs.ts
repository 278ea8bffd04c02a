/** Samples that stay in files, which the system maps into memory and reads where they are touched. */
import { callNative } from '../../core/errors.ts';
import { machineMemory } from '../../core/machine-memory.ts';
import { oneOf, withDefault } from '../../core/options.ts';
import { type NativeMappedRows, type NativeMappedRowsSpec, native } from '../../native/index.ts';

/** `'copy'`: read whole, once. `'map'`: read where a batch needs it, and kept by the system while it has room. */
export type Memory = 'copy' | 'map';

export const memoryOption = withDefault(oneOf('copy', 'map'), 'copy');

/** Throws `FILE_NOT_FOUND`, and `FILE_CHANGED` where a file has not the length that is said. */
export function mapFiles(spec: Omit<NativeMappedRowsSpec, 'fitsMemory'>): NativeMappedRows {
  const bytes = spec.files.reduce((sum, file) => sum + file.bytes, 0);
  return callNative(() => new native.MappedRows({ ...spec, fitsMemory: 2 * bytes < machineMemory() }));
}

export function isMapped(inputs: object): inputs is NativeMappedRows {
  return inputs instanceof native.MappedRows;
}
