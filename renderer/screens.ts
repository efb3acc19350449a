/** @file The screens of the window, in the order of the rail. A new screen is a row here and a folder in features/. */
import type { Component } from 'svelte';
import Boxes from '@lucide/svelte/icons/boxes';
import Columns2 from '@lucide/svelte/icons/columns-2';
import GraduationCap from '@lucide/svelte/icons/graduation-cap';
import Images from '@lucide/svelte/icons/images';
import Settings from '@lucide/svelte/icons/settings';
import WandSparkles from '@lucide/svelte/icons/wand-sparkles';
import CompareScreen from './features/compare/compare-screen.svelte';
import CreateScreen from './features/create/create-screen.svelte';
import LibraryScreen from './features/library/library-screen.svelte';
import ModelsScreen from './features/models/models-screen.svelte';
import SettingsScreen from './features/settings/settings-screen.svelte';
import TrainScreen from './features/train/train-screen.svelte';

export const SCREENS = {
  create: { icon: WandSparkles, view: CreateScreen },
  compare: { icon: Columns2, view: CompareScreen },
  library: { icon: Images, view: LibraryScreen },
  models: { icon: Boxes, view: ModelsScreen },
  train: { icon: GraduationCap, view: TrainScreen },
  settings: { icon: Settings, view: SettingsScreen },
} as const satisfies Record<string, { icon: Component<{ size?: number | string }>; view: Component }>;
