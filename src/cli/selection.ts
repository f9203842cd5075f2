/** Part of the fleet: `-n`, `-A` and `-l`. */
export interface Selection {
  /** Absent: all. */
  readonly namespace?: string;
  /** A label selector; absent: any labels. */
  readonly selector?: string;
}

/** For people: `in namespace ns with labels a=b`. @returns undefined for all. */
export function describeSelection({ namespace, selector }: Selection): string | undefined {
  const parts = [
    ...(namespace === undefined ? [] : [`in namespace ${namespace}`]),
    ...(selector === undefined ? [] : [`with labels ${selector}`]),
  ];
  return parts.length === 0 ? undefined : parts.join(' ');
}
