/** The ClusterDeployments among the owners of an object. */
import { z } from 'zod';
import { type ObjectMeta } from '../api/kubernetes-api.ts';
import { isObjectName } from '../api/object-name.ts';
import { CLUSTER_DEPLOYMENTS } from './resources.ts';

export interface ClusterOwner {
  readonly name: string;
  readonly uid: string;
}

/** Of any version of Hive's group: another group may well have a kind of that name. Whoever may write the object may invent owners. */
const ownerSchema = z.looseObject({
  apiVersion: z.string().startsWith(`${CLUSTER_DEPLOYMENTS.group}/`),
  kind: z.literal(CLUSTER_DEPLOYMENTS.kind),
  name: z.string().refine(isObjectName),
  // At most as long as a UUID: ids of workflows are made of it, and have room for no more.
  uid: z.string().regex(/^[A-Za-z0-9-]{1,36}$/),
});

export function clusterOwnersOf({ ownerReferences = [] }: ObjectMeta): readonly ClusterOwner[] {
  return ownerReferences.flatMap((reference) => {
    const owner = ownerSchema.safeParse(reference);
    return owner.success ? [{ name: owner.data.name, uid: owner.data.uid }] : [];
  });
}
