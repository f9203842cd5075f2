/** Shapes that the workflows have had, each named after the `patched` marker that it came with. Workflow code may import this. */

/** Workflows that began with these run somewhere: their recordings are never made anew. From the first one on. */
export const EARLIER_SHAPES = ['first-issuance'] as const;

/** What workflows begin with now. Once it has landed somewhere it is an earlier one, and the next change of commands a new one. */
export const NEWEST_SHAPE = 'whole-life';

export const SHAPES = [...EARLIER_SHAPES, NEWEST_SHAPE] as const;

export type Shape = (typeof SHAPES)[number];
