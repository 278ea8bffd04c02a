/** `best.safetensors`, which outlives the run that wrote it. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import { isSystemError } from '../../formats/files.ts';
import { readMetadataSync } from '../../formats/safetensors.ts';
import type { BestFigure } from '../control/epoch-control.ts';
import type { Monitor } from '../control/monitor.ts';
import { bestPath } from './checkpoint-folder.ts';
import { showNumbers } from './json-numbers.ts';
import type { RunState } from './run-state.ts';

/** The run that the best checkpoint is to be held against. */
interface Successor {
  /** Of its trainer. */
  readonly steps: number;
  readonly keepBest: Monitor;
  /** The fingerprint of its validation set. */
  readonly validation: string | undefined;
}

/**
 * The figure of the best checkpoint that a folder holds from before. Throws `INVALID_OPTION` for one that says nothing about
 * what is better than it. A damaged one counts for nothing, with a process warning.
 */
export function findBest(
  operation: string,
  folder: string,
  { steps, keepBest, validation }: Successor,
): number | undefined {
  const path = bestPath(folder);
  const found = readBest(path);
  if (found === undefined) return undefined;
  const refuse = (what: string) =>
    new GradloomError(
      'INVALID_OPTION',
      `${operation}: checkpoint: keepBest: ${path} ${what}; move it elsewhere, or give an empty folder`,
    );
  const { best } = found;
  if (found.steps > steps)
    throw refuse(`is of another run, at step ${found.steps}, and this trainer is at step ${steps}`);
  if (best?.metric !== keepBest.name || best.mode !== keepBest.mode) {
    const before = best === undefined ? 'no figure' : describe(best.metric, best.mode);
    throw refuse(`is the best by ${before}, and this run goes by ${describe(keepBest.name, keepBest.mode)}`);
  }
  if (keepBest.isOfValidation && found.validation !== validation)
    throw refuse('is the best over another validation set');
  return best.figure;
}

function describe(metric: string, mode: string): string {
  return `${formatValue(metric)} (${mode})`;
}

interface FoundBest {
  readonly steps: number;
  readonly best: BestFigure | undefined;
  readonly validation: string | undefined;
}

function readBest(path: string): FoundBest | undefined {
  try {
    const { run = 'null', trainer = 'null' } = readMetadataSync(path);
    const state = showNumbers(JSON.parse(run)) as Partial<RunState> | null;
    const { steps = 0 } = (JSON.parse(trainer) ?? {}) as { readonly steps?: number };
    return { steps, best: state?.control?.best, validation: state?.data?.validation };
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    if (!(error instanceof SyntaxError) && !isDamage(error)) throw error;
    process.emitWarning(`the best checkpoint of before is left out: ${(error as Error).message}`);
    return undefined;
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof GradloomError && error.code === 'FILE_FORMAT';
}
