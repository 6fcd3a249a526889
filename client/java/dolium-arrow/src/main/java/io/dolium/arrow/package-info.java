/** Arrow data in Dolium's store: see {@link io.dolium.arrow.ArrowObjects}. */
package io.dolium.arrow;
