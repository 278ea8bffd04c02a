import { totalmem } from 'node:os';

/** Bytes of the machine, or of the container that this process is in. */
export function machineMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0; // 0 or more than there is: no limit
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
