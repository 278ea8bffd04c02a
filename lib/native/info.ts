import { callNative } from '../core/errors.ts';
import { type NativeInfo, native } from './index.ts';

/**
 * What the native part was built with, the kernels that were chosen for this processor, the number of threads that
 * `threads: 0` stands for, and what it holds now.
 */
export function info(): NativeInfo {
  return callNative(() => native.info());
}
