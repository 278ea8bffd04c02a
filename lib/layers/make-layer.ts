import { makeFrom } from '../core/description.ts';
import * as factories from './index.ts';
import type { Layer } from './layer.ts';

/** Makes a layer from its description; `name` says in errors where it stood, for instance `layers[2]`. */
export function makeLayer(operation: string, name: string, given: unknown): Layer {
  return makeFrom<Layer>(operation, name, given, factories);
}
