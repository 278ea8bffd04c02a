/** The stable names of what can go wrong. Texts may change between releases, codes do not. */
export type GradloomErrorCode =
  /** An option or argument has the wrong type, value or name. */
  | 'INVALID_OPTION'
  /** Shapes that have to fit together do not. */
  | 'SHAPE_MISMATCH'
  /** A tensor of more values than can be addressed. */
  | 'SHAPE_TOO_LARGE'
  /** Samples, labels or weights that cannot be used as they are. */
  | 'INVALID_DATA'
  | 'LABEL_OUT_OF_RANGE'
  /** An id or the number of a feature beyond the table or samples that it is for. */
  | 'ID_OUT_OF_RANGE'
  /** A loss or gradient became infinite or NaN. */
  | 'NOT_FINITE'
  /** The model trains, and what was asked for needs it at rest. */
  | 'MODEL_BUSY'
  /** Another run writes its checkpoints to the folder. */
  | 'FOLDER_BUSY'
  /** The model was disposed of. */
  | 'MODEL_DISPOSED'
  | 'OUT_OF_MEMORY'
  /** Training would take more bytes than its `memoryLimit`. */
  | 'MEMORY_LIMIT'
  /** A file's bytes are not what its format or version prescribes. */
  | 'FILE_FORMAT'
  | 'FILE_NOT_FOUND'
  /** A file that a dataset is mapped to was cut short or written to meanwhile. */
  | 'FILE_CHANGED'
  | 'CHECKSUM_MISMATCH'
  /** A data set or optional package is not on this machine. */
  | 'NOT_INSTALLED'
  /** The native addon is absent or cannot be loaded. */
  | 'NATIVE_MISSING'
  /** A process forked from one that used the addon: its threads do not exist there. */
  | 'FORKED'
  /** A defect of Gradloom's own. */
  | 'INTERNAL';

const KNOWN_CODES: ReadonlySet<string> = new Set<GradloomErrorCode>([
  'INVALID_OPTION',
  'SHAPE_MISMATCH',
  'SHAPE_TOO_LARGE',
  'INVALID_DATA',
  'LABEL_OUT_OF_RANGE',
  'ID_OUT_OF_RANGE',
  'NOT_FINITE',
  'MODEL_BUSY',
  'FOLDER_BUSY',
  'MODEL_DISPOSED',
  'OUT_OF_MEMORY',
  'MEMORY_LIMIT',
  'FILE_FORMAT',
  'FILE_NOT_FOUND',
  'FILE_CHANGED',
  'CHECKSUM_MISMATCH',
  'NOT_INSTALLED',
  'NATIVE_MISSING',
  'FORKED',
  'INTERNAL',
]);

/** What the native core tells apart and users need not: it checks again what `lib` has checked. */
const NATIVE_CODES: Readonly<Record<string, GradloomErrorCode>> = {
  INVALID_SPEC: 'INVALID_OPTION',
  INVALID_ARGUMENT: 'INVALID_OPTION',
  UNKNOWN_KIND: 'INVALID_OPTION',
  LABELS_MISSING: 'INVALID_DATA',
};

/** Texts of errors without a code, of the C++ layer of Node-API and of V8, when there is no memory. */
const NO_MEMORY: ReadonlySet<string> = new Set(['std::bad_alloc', 'Array buffer allocation failed']);

/**
 * Every error that Gradloom throws on purpose. The text names the operation, what it got, what it expected
 * and what to do about it; programs decide by `code`.
 */
export class GradloomError extends Error {
  override readonly name = 'GradloomError';
  readonly code: GradloomErrorCode;

  constructor(code: GradloomErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A function that a file knows of and cannot hold: for the caller to give again, and no fault of the file. */
export class MissingFunction extends GradloomError {
  constructor(message: string) {
    super('INVALID_OPTION', message);
  }
}

/**
 * The addon throws plain errors with a `code`: they come out of here as `GradloomError`, and so does a lack of memory
 * that Node tells of. Anything else stays as it is.
 */
export function toGradloomError(error: unknown): unknown {
  if (error instanceof GradloomError || !(error instanceof Error)) return error;
  const { code } = error as Error & { readonly code?: unknown };
  if (code === undefined && NO_MEMORY.has(error.message)) {
    return new GradloomError('OUT_OF_MEMORY', 'out of memory', { cause: error });
  }
  if (typeof code !== 'string') return error;
  const known = isKnownCode(code) ? code : (NATIVE_CODES[code] ?? 'INTERNAL');
  return new GradloomError(known, error.message, { cause: error });
}

function isKnownCode(code: string): code is GradloomErrorCode {
  return KNOWN_CODES.has(code);
}

/** Calls into the addon. */
export function callNative<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw toGradloomError(error);
  }
}

/** Awaits a promise that the addon made. */
export async function awaitNative<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw toGradloomError(error);
  }
}
