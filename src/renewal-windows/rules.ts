import { type LabelSelector, type Labels, matchesLabels } from './label-selector.ts';
import type { Period, Recurrence } from './recurrence.ts';

/** When certificates of the clusters that it selects may be renewed. */
export interface RenewalWindowRule {
  readonly name: string;
  /** Of labels of the ClusterDeployment, or of a standalone CertificateRequest. Absent: all. */
  readonly selector?: LabelSelector | undefined;
  readonly period: Recurrence;
}

/** When they may not, in a window or not. */
export interface FreezeRule extends Pick<RenewalWindowRule, 'name' | 'selector'> {
  readonly period: Recurrence | Period;
}

/** The renewal windows and freezes of a management cluster. A cluster without any window may be renewed at any time. */
export interface RenewalWindows {
  readonly windows: readonly RenewalWindowRule[];
  readonly freezes: readonly FreezeRule[];
}

/** There are none. */
export const NO_RENEWAL_WINDOWS: RenewalWindows = { windows: [], freezes: [] };

/** Those that select an object with these labels. */
export function rulesFor({ windows, freezes }: RenewalWindows, labels: Labels): RenewalWindows {
  return {
    windows: windows.filter(({ selector }) => matchesLabels(selector, labels)),
    freezes: freezes.filter(({ selector }) => matchesLabels(selector, labels)),
  };
}
