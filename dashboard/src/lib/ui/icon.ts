/** An icon of Lucide, however it was imported: the types of its index know less than those of `@lucide/svelte/icons/<name>`. */
import type { LucideProps } from '@lucide/svelte';
import type { Component } from 'svelte';

export type Icon = Component<LucideProps>;
