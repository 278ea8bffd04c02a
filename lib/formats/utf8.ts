/** Text files: checked to be UTF-8, whole or piece by piece. */
import { GradloomError } from '../core/errors.ts';
import { openFile, readWholeFile } from './files.ts';
import { formatError, lineError } from './format-error.ts';

/** A line that never ends would take all memory, and is no line of rows. */
const MAX_LINE_LENGTH = 2 ** 24;

/** The longest text that V8 holds, nearly. */
const MAX_TEXT_BYTES = 2 ** 29 - 2 ** 16;

/** The bytes of a file in chunks, checked to be UTF-8. */
export async function* readUtf8(path: string): AsyncGenerator<Uint8Array, void, void> {
  const check = new Utf8Check(path);
  const handle = await openFile(path);
  for await (const chunk of handle.createReadStream() as AsyncIterable<Uint8Array>) {
    check.add(chunk);
    yield chunk;
  }
  check.end();
}

/** The text of a whole file without a byte order mark. */
export async function readText(path: string): Promise<string> {
  const bytes = await readWholeFile(path);
  if (bytes.length > MAX_TEXT_BYTES) {
    throw new GradloomError(
      'FILE_FORMAT',
      `${path}: has ${bytes.length} bytes, more than the ${MAX_TEXT_BYTES} of a text; give NDJSON, which is read line by line`,
    );
  }
  const check = new Utf8Check(path);
  check.add(bytes);
  check.end();
  return new TextDecoder().decode(bytes);
}

/** The lines of a file, from 1, without the LF or CRLF behind them; one at a time is held. */
export async function* readLines(
  path: string,
): AsyncGenerator<{ readonly line: number; readonly text: string }, void, void> {
  const decoder = new TextDecoder();
  let rest = '';
  let line = 1;
  const checkLength = (length: number) => {
    if (length <= MAX_LINE_LENGTH) return;
    throw lineError(
      path,
      line,
      `the line exceeds ${MAX_LINE_LENGTH} characters; each row stands on a line of its own`,
    );
  };
  for await (const chunk of readUtf8(path)) {
    let from = rest.length;
    rest += decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = rest.indexOf('\n', from); end >= 0; end = rest.indexOf('\n', from)) {
      checkLength(end - start);
      yield { line: line++, text: rest.slice(start, end) };
      start = end + 1;
      from = start;
    }
    rest = rest.slice(start);
    checkLength(rest.length);
  }
  if (rest !== '') yield { line, text: rest };
}

/** How files begin that are often taken for text, and what to do with them. */
const OTHER_FILES: readonly (readonly [beginning: readonly number[], remedy: string])[] = [
  [[0x1f, 0x8b], 'this is a gzip file: unpack it first'],
  [[0x50, 0x4b, 3, 4], 'this is a ZIP file, as .xlsx workbooks are: export the table as CSV, or unpack it'],
  [[0x50, 0x41, 0x52, 0x31], 'this is a Parquet file: export the table as CSV'],
  [[0xff, 0xfe], 'this is UTF-16: save the file as UTF-8'],
  [[0xfe, 0xff], 'this is UTF-16: save the file as UTF-8'],
];

class Utf8Check {
  readonly #path: string;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #offset = 0;
  #remedy = 'save the file as UTF-8';

  constructor(path: string) {
    this.#path = path;
  }

  add(chunk: Uint8Array): void {
    const begins = ([beginning]: (typeof OTHER_FILES)[number]) =>
      beginning.every((byte, place) => chunk[place] === byte);
    if (this.#offset === 0) this.#remedy = OTHER_FILES.find(begins)?.[1] ?? this.#remedy;
    this.#decode(chunk, true);
    this.#offset += chunk.length;
  }

  end(): void {
    this.#decode(new Uint8Array(0), false);
  }

  #decode(chunk: Uint8Array, stream: boolean): void {
    try {
      this.#decoder.decode(chunk, { stream });
    } catch {
      const text = new TextDecoder().decode(chunk);
      const fault = Buffer.byteLength(text.slice(0, Math.max(0, text.indexOf('\uFFFD'))));
      throw formatError(this.#path, this.#offset + fault, `the text is not UTF-8; ${this.#remedy}`);
    }
  }
}
