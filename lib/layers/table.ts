/** What layers with a table have in common. */
import { integer, withDefault } from '../core/options.ts';

export const paddingId = withDefault(integer(-1, 2 ** 31 - 1), -1);

export const tableInitializer = { kind: 'truncatedNormal', standardDeviation: 0.05 } as const;
