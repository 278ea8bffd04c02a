/**
 * The King James Bible of Debian's package `bible-kjv-text`, verse by verse. Its file is a table of 64 KiB pieces, each packed by
 * `compress` without the three bytes that such files begin with; gzip unpacks them.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export const KJV_FILE = '/usr/lib/bible.data';

const MAGIC = 'EC02';
const COMPRESS_HEADER = Buffer.from([0x1f, 0x9d, 0x90]);
const COUNT_AT = 88;
const OFFSETS_AT = 92;

interface Verse {
  /** As `Ge1`. */
  readonly chapter: string;
  readonly text: string;
}

function readAll(path: string): Verse[] {
  const file = readFileSync(path);
  if (file.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    throw new Error(`${path} is not the text of bible-kjv-text`);
  }
  const pieces = Array.from({ length: file.readUInt32BE(COUNT_AT) }, (_, place) => {
    const [first, end] = [0, 4].map((bytes) => file.readUInt32BE(OFFSETS_AT + 4 * place + bytes));
    const packed = Buffer.concat([COMPRESS_HEADER, file.subarray(first, end)]);
    return execFileSync('gzip', ['-dc'], { input: packed });
  });
  const lines = Buffer.concat(pieces).toString('latin1').split('\n');
  return lines.flatMap((line) => {
    const [, chapter, text] = /^([1-4]?[A-Za-z]+\d+):\d+ (.+)$/.exec(line) ?? [];
    return chapter === undefined || text === undefined ? [] : [{ chapter, text }];
  });
}

/** Texts of the verses, without their places (`Ge1:1`). */
export function readVerses(path: string): string[] {
  return readAll(path).map(({ text }) => text);
}

/** Each chapter's name, as `Ge1`, and the text of its verses. */
export function readChapters(path: string): [name: string, text: string][] {
  const chapters = new Map<string, string[]>();
  for (const { chapter, text } of readAll(path)) {
    const texts = chapters.get(chapter);
    if (texts === undefined) chapters.set(chapter, [text]);
    else texts.push(text);
  }
  return Array.from(chapters, ([name, texts]) => [name, texts.join(' ')]);
}

/** Of each verse the name of its book, as `Ge`, and its text. */
export function readBooks(path: string): [name: string, text: string][] {
  return readAll(path).map(({ chapter, text }) => [chapter.replace(/\d+$/, ''), text]);
}
