/**
 * The `patched` markers that workflow code asks for, oldest first. Each is a change of what workflows do that those already
 * running do not take part in (docs/decisions/upgrades.md); test/workflows/replay.test.ts holds the list to the workflows.
 */
export const PATCHES = ['whole-life'] as const;

export type PatchId = (typeof PATCHES)[number];

/** @returns undefined when the workflows know no such patch. */
export function parsePatchId(text: string): PatchId | undefined {
  return PATCHES.find((patch) => patch === text);
}
