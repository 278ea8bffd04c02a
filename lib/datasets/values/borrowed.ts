/** Inputs that stay in the caller's memory. */
import { types } from 'node:util';
import { GradloomError } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import { native } from '../../native/index.ts';
import type { Inputs } from '../parts/stored-inputs.ts';
import { checkFinite, checkPresent } from './copies.ts';
import { toId } from './read-sparse.ts';

type TypedArrayKey = 'buffer' | 'byteOffset' | 'length';

/** What an array says of itself, whatever properties somebody has given it. */
function ownFact<Key extends TypedArrayKey>(array: Inputs, key: Key): Inputs[Key] {
  const prototype = Object.getPrototypeOf(Float32Array.prototype) as object;
  return Object.getOwnPropertyDescriptor(prototype, key)?.get?.call(array) as Inputs[Key];
}

/** An array over the same memory, which nothing but the caller's promise keeps as it is; its values checked. */
export function borrowInputs(operation: string, given: unknown, size: number): Inputs {
  const invalid = (text: string) => new GradloomError('INVALID_DATA', `${operation}: ${text}`);
  if (!native.canHoldMemory()) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: memory: 'borrow' needs a Node.js on V8, which this one is not; leave it out`,
    );
  }
  if (!types.isFloat32Array(given) && !types.isUint8Array(given) && !types.isInt32Array(given)) {
    throw new GradloomError(
      'INVALID_OPTION',
      `${operation}: memory: 'borrow' takes a Float32Array, a Uint8Array or an Int32Array of ids as inputs, got ${formatValue(given)}`,
    );
  }
  const array = given as Inputs;
  const buffer = ownFact(array, 'buffer');
  if (types.isSharedArrayBuffer(buffer)) {
    throw invalid("inputs lie in a SharedArrayBuffer, which other threads may change; use memory: 'copy'");
  }
  if ('resizable' in buffer && buffer.resizable === true) {
    throw invalid("inputs lie in a resizable ArrayBuffer, which may shrink; use memory: 'copy'");
  }
  const [offset, length] = [ownFact(array, 'byteOffset'), ownFact(array, 'length')];
  if (types.isUint8Array(given)) {
    const bytes = new Uint8Array(buffer, offset, length);
    checkPresent(operation, 'inputs', bytes);
    return bytes;
  }
  if (types.isInt32Array(given)) {
    const ids = new Int32Array(buffer, offset, length);
    checkPresent(operation, 'inputs', ids);
    for (const [place, id] of ids.entries()) toId(operation, 'inputs', id, { place, size });
    return ids;
  }
  const floats = new Float32Array(buffer, offset, length);
  checkPresent(operation, 'inputs', floats);
  checkFinite(operation, 'inputs', floats, size);
  return floats;
}
