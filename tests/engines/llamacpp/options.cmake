# What is built of llama.cpp, and how: the server alone, for the processor, out of nothing but its own source.

# Nobody asks it to be fast, and so it is built in less time.
set(CMAKE_BUILD_TYPE Release CACHE STRING "")
foreach(language C CXX)
  set(CMAKE_${language}_FLAGS_RELEASE "-O1 -DNDEBUG" CACHE STRING "")
endforeach()
set(BUILD_SHARED_LIBS OFF CACHE BOOL "")

# A home may be shared by machines with different processors, and a model this small is fast on the oldest.
foreach(option NATIVE SSE42 AVX AVX2 BMI2 FMA F16C)
  set(GGML_${option} OFF CACHE BOOL "")
endforeach()

# Libraries and helpers that may or may not be there, and that would make two builds differ.
foreach(option ACCELERATE BLAS CCACHE LLAMAFILE METAL OPENMP)
  set(GGML_${option} OFF CACHE BOOL "")
endforeach()
set(LLAMA_OPENSSL OFF CACHE BOOL "")

# Of the pages for a browser the build would download what it does not have.
foreach(option APP EXAMPLES TESTS UI)
  set(LLAMA_BUILD_${option} OFF CACHE BOOL "")
endforeach()
set(LLAMA_USE_PREBUILT_UI OFF CACHE BOOL "")
