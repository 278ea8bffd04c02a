/**
 * Pictures as bytes, channels last. The package sharp decodes and resizes them; it is an optional peer, loaded when it is
 * first needed.
 *
 * - Pixels are sRGB of 8 bits, turned upright as the file's EXIF says.
 * - An alpha channel is dropped before resizing: transparent pixels show the colour that they have, as in PIL's
 *   `convert('RGB')`.
 * - Grey pictures have their value in all three channels; one channel is PIL's `convert('L')`,
 *   `(19595 R + 38470 G + 7471 B + 32768) >> 16` (ITU-R 601).
 * - Of animations the first picture is read.
 */
import { stat } from 'node:fs/promises';
import { GradloomError } from '../core/errors.ts';
import { checkFile } from './files.ts';

export interface ImageFormat {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  readonly fit: 'fill' | 'cover' | 'contain';
}

/** What is used of sharp, declared here: its own types are there only where it is installed. */
interface Pipeline {
  metadata(): Promise<{ readonly hasAlpha?: boolean }>;
  rotate(): Pipeline;
  toColourspace(space: 'srgb'): Pipeline;
  removeAlpha(): Pipeline;
  resize(options: {
    readonly width: number;
    readonly height: number;
    readonly fit: ImageFormat['fit'];
    readonly kernel: 'linear';
    readonly background: string;
  }): Pipeline;
  raw(): Pipeline;
  toBuffer(options: { readonly resolveWithObject: true }): Promise<{
    readonly data: Uint8Array;
    readonly info: { readonly width: number; readonly height: number; readonly channels: number };
  }>;
}

type Raw = { readonly width: number; readonly height: number; readonly channels: number };
export type Sharp = (input: string | Uint8Array, options?: { readonly raw?: Raw }) => Pipeline;

/** As a value, so that compilers and bundlers do not look for it. */
const SHARP: string = 'sharp';

/** Throws `NOT_INSTALLED` with the command that mends it. */
export async function loadSharp(
  operation: string,
  load: () => Promise<{ readonly default: unknown }> = () => import(SHARP),
): Promise<Sharp> {
  try {
    return (await load()).default as Sharp;
  } catch (error) {
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    const isAbsent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    const fault = isAbsent ? 'is not installed' : `cannot be loaded (${firstLine(message)})`;
    throw new GradloomError(
      'NOT_INSTALLED',
      `${operation}: pictures are decoded by the package sharp, which ${fault}; run: npm install sharp`,
      { cause: error },
    );
  }
}

/**
 * The pixels `[height, width, channels]`. `name` stands for the picture in errors. A path that leads to no file is refused here: sharp would
 * wait for a pipe's other end. One that leads nowhere is sharp's matter.
 */
export async function decodeImage(
  sharp: Sharp,
  input: string | Uint8Array,
  { name, format }: { readonly name: string; readonly format: ImageFormat },
): Promise<Uint8Array> {
  if (typeof input === 'string')
    await stat(input).then(
      (status) => checkFile(input, status),
      () => {},
    );
  try {
    const rgb = await decodeRgb(sharp, input, format);
    return format.channels === 3 ? rgb : toGrey(rgb);
  } catch (error) {
    const reason = reasonOf(error);
    throw new GradloomError('FILE_FORMAT', `${name}: cannot be decoded as a picture (${reason})`, {
      cause: error,
    });
  }
}

async function decodeRgb(sharp: Sharp, input: string | Uint8Array, format: ImageFormat): Promise<Uint8Array> {
  const { height, width, fit } = format;
  const size = { height, width, fit, kernel: 'linear', background: 'black' } as const;
  const upright = (pipeline: Pipeline) => pipeline.rotate().toColourspace('srgb').removeAlpha();
  const { hasAlpha } = await sharp(input).metadata();
  // sharp weighs colours by alpha when it resizes: where there is alpha, it goes first.
  const whole =
    hasAlpha === true ? await upright(sharp(input)).raw().toBuffer({ resolveWithObject: true }) : undefined;
  const pipeline = whole === undefined ? upright(sharp(input)) : sharp(whole.data, { raw: whole.info });
  const { data, info } = await pipeline.resize(size).raw().toBuffer({ resolveWithObject: true });
  if (info.channels === 3 && data.length === height * width * 3) return data;
  throw new Error(`it gave ${info.channels} channels of ${info.height} x ${info.width} pixels`);
}

function toGrey(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < grey.length; i++) {
    const [r, g, b] = [rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]] as [number, number, number];
    grey[i] = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
  }
  return grey;
}

/** In the words of the decoder, or ours where it only names an option of sharp's that is not the caller's. */
function reasonOf(error: unknown): string {
  const reason = firstLine((error as { readonly message?: unknown }).message);
  return reason.includes('failOn') ? 'its data are damaged or cut off' : reason.replace(/:$/, '');
}

function firstLine(message: unknown): string {
  return String(message).split('\n', 1)[0] as string;
}
