import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { GradloomError } from '../core/errors.ts';
import {
  formatValue,
  optional,
  positive,
  readOptions,
  readValue,
  text,
  withDefault,
} from '../core/options.ts';
import { writeFileAtomic } from '../formats/files.ts';
import { checkFont, findFonts } from './fonts.ts';
import { loadResvg, loadVega } from './packages.ts';
import type { Spec } from './spec.ts';
import { applyTheme, type Theme, VEGA_CONFIG } from './theme.ts';

export interface PngOptions {
  /** Pixels of the picture for one of the SVG. Default: 2, for screens of high density. */
  readonly scale?: number;
  /** The file of a TrueType or OpenType font. Default: one that the system has. */
  readonly font?: string;
}

const PNG_OPTIONS = { scale: withDefault(positive, 2), font: optional(text) };

/**
 * A picture, drawn when it is asked for. Made by the functions of this module.
 *
 * @example
 * await plot.history(history).save('curves.svg');
 */
export class Plot {
  readonly #operation: string;
  readonly #describe: () => Spec | Promise<Spec>;
  readonly #theme: Theme;

  /** @internal */
  constructor(operation: string, theme: Theme, describe: () => Spec | Promise<Spec>) {
    this.#operation = operation;
    this.#theme = theme;
    this.#describe = describe;
  }

  /** What Vega-Lite draws, with the data, for notebooks and editors that know it. */
  async spec(): Promise<Readonly<Record<string, unknown>>> {
    const spec = await this.#describe();
    return { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', ...spec, config: VEGA_CONFIG };
  }

  /**
   * The picture as SVG, which can stand in a page as it is. With `theme: 'auto'` it follows the reader's light or dark
   * system.
   *
   * Rejects with `NOT_INSTALLED` and the command that mends it when vega or vega-lite is not there.
   */
  async svg(): Promise<string> {
    return applyTheme(await this.#draw(), this.#theme);
  }

  /**
   * The picture as PNG, light unless the theme is `'dark'`.
   *
   * Rejects with `NOT_INSTALLED` when a package is not there, or no font is.
   */
  async png(options: PngOptions = {}): Promise<Uint8Array> {
    const { scale, font } = readOptions('png', options, PNG_OPTIONS);
    const fontFiles =
      font === undefined ? findFonts(this.#operation) : [await checkFont(this.#operation, font)];
    const [{ Resvg }, svg] = await Promise.all([loadResvg(this.#operation), this.#draw()]);
    const picture = new Resvg(applyTheme(svg, this.#theme === 'dark' ? 'dark' : 'light'), {
      fitTo: { mode: 'zoom', value: scale },
      font: { fontFiles, loadSystemFonts: false },
    });
    return picture.render().asPng();
  }

  /**
   * Writes a file, all or nothing: `.svg`, `.png`, or `.json` for the specification of Vega-Lite.
   *
   * Rejects with `INVALID_OPTION` for another ending.
   */
  async save(path: string, options: PngOptions = {}): Promise<void> {
    readValue('save', 'path', path, text);
    await writeFileAtomic(path, await this.#encode(path, options));
  }

  async #encode(path: string, options: PngOptions): Promise<Uint8Array> {
    const encoder = new TextEncoder();
    switch (extname(path).toLowerCase()) {
      case '.svg':
        return encoder.encode(await this.svg());
      case '.png':
        return this.png(options);
      case '.json':
        return encoder.encode(`${JSON.stringify(await this.spec(), null, 2)}\n`);
      default:
        throw new GradloomError(
          'INVALID_OPTION',
          `save: a picture's file ends in ".svg", ".png" or ".json", got ${formatValue(path)}`,
        );
    }
  }

  async #draw(): Promise<string> {
    const [{ vega, lite }, spec] = await Promise.all([loadVega(this.#operation), this.spec()]);
    const silent = {
      level: () => silent,
      warn: () => silent,
      info: () => silent,
      debug: () => silent,
      error: () => silent,
    };
    const compiled = lite.compile(spec, { logger: silent });
    const view = new vega.View(vega.parse(compiled.spec), { renderer: 'none', logLevel: vega.None });
    try {
      return withOwnIds(await view.toSVG());
    } finally {
      view.finalize();
    }
  }
}

/**
 * Vega counts the ids of clips from the process's start, so that a picture's id depends on those drawn before it, and pictures
 * of two processes that stand on one page would find each other's clips. These ids follow from the picture alone.
 */
function withOwnIds(svg: string): string {
  const places = new Map<string, number>();
  const renamed = (prefix: string) =>
    svg.replace(/( id="|url\(#|href="#)([\w-]+)/g, (_, before: string, id: string) => {
      if (!places.has(id)) places.set(id, places.size);
      return `${before}${prefix}${places.get(id)}`;
    });
  const hash = createHash('sha256').update(renamed('')).digest('hex').slice(0, 12);
  return renamed(`plot-${hash}-`);
}
