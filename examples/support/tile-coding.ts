/**
 * Tile coding: several grids over a space, each shifted by another part of a cell. A point is the set of the cells that
 * it lies in, one a grid, so neighbours share most of them.
 *
 * Source: R. S. Sutton, A. G. Barto, "Reinforcement Learning", 2nd edition, section 9.5.4.
 */
export interface TileCoding {
  /** Of all cells of all grids. */
  readonly size: number;
  /** The cell of each grid that `point` lies in; what lies outside counts as the edge. */
  tilesOf(point: readonly number[]): readonly number[];
}

export function tileCoding(options: {
  readonly tilings: number;
  /** Cells along each axis, over -limit to limit. */
  readonly cells: readonly number[];
  readonly limits: readonly number[];
  /** By how many `1 / tilings` of a cell each grid is shifted against the one before: odd and different, as the book has it. */
  readonly displacement: readonly number[];
}): TileCoding {
  const { tilings, cells, limits, displacement } = options;
  // One more along each axis, since a shifted grid has to cover the space too.
  const extents = cells.map((count) => count + 1);
  const cellsOfTiling = extents.reduce((product, extent) => product * extent, 1);
  return {
    size: tilings * cellsOfTiling,
    tilesOf: (point) =>
      Array.from({ length: tilings }, (_, tiling) => {
        const cell = extents.reduce((index, extent, axis) => {
          const limit = limits[axis] as number;
          const share = (Math.max(-limit, Math.min(limit, point[axis] as number)) + limit) / (2 * limit);
          const shift = ((tiling * (displacement[axis] as number)) % tilings) / tilings;
          return index * extent + Math.min(extent - 1, Math.floor(share * (cells[axis] as number) + shift));
        }, 0);
        return tiling * cellsOfTiling + cell;
      }),
  };
}
