/** The parts of the stack, in the order in which they can be understood. */
export const PART_NAMES = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'moto',
  'coredns',
  'pebble',
  'temporal',
] as const;

export type PartName = (typeof PART_NAMES)[number];
