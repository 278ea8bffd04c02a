/** What the process ends with; the help lists them. */
import { CommanderError } from 'commander';
import { GradloomError, type GradloomErrorCode } from '../core/errors.ts';

export const EXIT = {
  done: 0,
  defect: 1,
  usage: 2,
  data: 3,
  missing: 4,
  training: 5,
  interrupted: 130,
} as const;

export const EXIT_HELP = `Exit codes:
  0    done
  1    something went wrong that should not (a defect, or the file system refused)
  2    the command line is wrong: an unknown option, a value that cannot be
  3    the data or a model file cannot be used as it is
  4    a package or the native part is not installed
  5    training failed: a loss that is not finite, or no memory; a system misses its outcome
  130  stopped by Ctrl-C (what was trained so far is saved)`;

const CODES: Readonly<Partial<Record<GradloomErrorCode, number>>> = {
  INVALID_OPTION: EXIT.usage,
  INVALID_DATA: EXIT.data,
  LABEL_OUT_OF_RANGE: EXIT.data,
  ID_OUT_OF_RANGE: EXIT.data,
  SHAPE_MISMATCH: EXIT.data,
  SHAPE_TOO_LARGE: EXIT.data,
  FILE_FORMAT: EXIT.data,
  FILE_NOT_FOUND: EXIT.data,
  CHECKSUM_MISMATCH: EXIT.data,
  NOT_INSTALLED: EXIT.missing,
  NATIVE_MISSING: EXIT.missing,
  NOT_FINITE: EXIT.training,
  OUT_OF_MEMORY: EXIT.training,
  MEMORY_LIMIT: EXIT.training,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof GradloomError) return CODES[error.code] ?? EXIT.defect;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  return EXIT.defect;
}
