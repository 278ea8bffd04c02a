/**
 * The packages that draw, loaded when a picture is drawn. They are optional peers, as sharp is: who trains on a server needs
 * none of their 20 MB.
 */
import { GradloomError } from '../core/errors.ts';
import type { Spec } from './spec.ts';

/** What is used of Vega, declared here: its own types are there only where it is installed. */
interface Vega {
  readonly parse: (spec: unknown) => unknown;
  readonly View: new (runtime: unknown, options: object) => { toSVG(): Promise<string>; finalize(): unknown };
  readonly None: number;
}

interface VegaLite {
  readonly compile: (spec: Spec, options: object) => { readonly spec: unknown };
}

interface Resvg {
  readonly Resvg: new (svg: string, options: object) => { render(): { asPng(): Uint8Array<ArrayBuffer> } };
}

/** The last release of Vega-Lite for Node 20 is 6.4. */
const INSTALL = 'npm install vega vega-lite@~6.4.3 @resvg/resvg-js';

export async function loadVega(operation: string): Promise<{ readonly vega: Vega; readonly lite: VegaLite }> {
  const [vega, lite] = await Promise.all([
    load<Vega>(operation, 'vega', 'pictures are drawn'),
    load<VegaLite>(operation, 'vega-lite', 'pictures are drawn'),
  ]);
  return { vega, lite };
}

export async function loadResvg(operation: string): Promise<Resvg> {
  return load<Resvg>(operation, '@resvg/resvg-js', 'PNG is made from SVG');
}

/** By a name that is a value, so that compilers and bundlers do not look for the package. */
export async function load<Package>(operation: string, name: string, purpose: string): Promise<Package> {
  try {
    const loaded = (await import(name)) as Package & { readonly default?: Package };
    // Packages in CommonJS have all they export in their default.
    return { ...loaded.default, ...loaded };
  } catch (error) {
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    const isAbsent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
    const fault = isAbsent ? 'is not installed' : `cannot be loaded (${String(message).split('\n', 1)[0]})`;
    throw new GradloomError(
      'NOT_INSTALLED',
      `${operation}: ${purpose} by the package ${name}, which ${fault}; run: ${INSTALL}`,
      { cause: error },
    );
  }
}
