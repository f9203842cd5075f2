/** Writes YAML: what a command imports when it prints some, instead of all of client-node. */
export { dumpYaml } from '@kubernetes/client-node';
